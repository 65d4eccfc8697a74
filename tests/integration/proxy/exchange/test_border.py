"""What crosses between clients and providers: identities, keys, upgrades, the caller's API."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.app import SERVICES
from proxy.request import keys
from tests.support.replay import Replay, json_answer
from tests.support.running import Relay, Whole, running, settings
from tests.unit.proxy.request.test_headers import CANARIES

CHAT = "/v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "messages": []}
ANTHROPIC = {"anthropic-version": "2023-06-01"}


async def send(relay: Relay, method: str, path: str, **headers: str) -> Whole:
    async with relay.session.request(method, relay.url + path, headers=headers) as answer:
        return Whole(status=answer.status, headers=answer.headers, body=await answer.read())


async def test_no_credential_or_identity_of_the_company_reaches_the_provider(
    relay: Relay, provider: Replay
) -> None:
    provider.will(json_answer({"choices": []}))
    canaries = {name: "canary" for name in CANARIES if name not in {"Authorization", "Via"}}
    await relay.post(CHAT, BODY, canaries | {"User-Agent": "client/1", "OpenAI-Beta": "x"})
    (received,) = provider.received
    assert [name for name, value in received.headers.items() if "canary" in value] == []
    assert received.headers["User-Agent"] == "client/1"
    assert received.headers["OpenAI-Beta"] == "x"


async def test_websocket_upgrade_is_refused_in_the_form_of_the_api(relay: Relay, provider: Replay) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for path, headers in (
        ("/v1/responses", {"Authorization": f"Bearer {relay.key}"}),
        ("/v1/messages", {"x-api-key": relay.key}),
    ):
        answer = await send(relay, "GET", path, **upgrade, **headers)
        assert answer.status == 426
        assert "message" in answer.json()["error"]
        assert relay.record_of(answer).status == 426
    assert provider.received == []


async def test_doubled_version_in_the_path_is_not_found(relay: Relay, provider: Replay) -> None:
    answer = await relay.post("/v1/v1/chat/completions", BODY)
    assert answer.status == 404
    assert CHAT in answer.json()["error"]["message"]
    assert provider.received == []


@pytest.mark.parametrize("foreign", ["sk-ant-oat01-fake", "ya29.fake"])
async def test_relay_key_beside_a_foreign_credential_is_found(
    relay: Relay, provider: Replay, foreign: str
) -> None:
    provider.default = lambda _: json_answer({"choices": []})
    for headers in (
        {"Authorization": f"Bearer {foreign}", "x-api-key": relay.key},
        {"Authorization": f"Bearer {relay.key}", "x-api-key": foreign},
        {"Authorization": f"Bearer {foreign}", "api-key": relay.key},
    ):
        answer = await send(relay, "GET", "/v1/files", **headers)
        assert answer.status == 200
        assert foreign not in str(provider.received[-1].headers)


async def test_routes_of_both_apis_go_to_the_api_of_the_caller(relay: Relay, provider: Replay) -> None:
    provider.default = lambda _: json_answer({"data": []})
    await send(relay, "GET", "/v1/files", **{"x-api-key": relay.key}, **ANTHROPIC)
    await send(relay, "GET", "/v1/files", Authorization=f"Bearer {relay.key}")
    first, second = (received.headers for received in provider.received)
    assert first["x-api-key"] == "sk-of-anthropic"
    assert "Authorization" not in first
    assert second["Authorization"] == "Bearer sk-of-openai"


async def test_refusal_has_the_form_of_the_callers_api(relay: Relay) -> None:
    answer = await send(relay, "GET", "/v1/files", **{"x-api-key": "rk_unknown"}, **ANTHROPIC)
    assert answer.status == 401
    assert answer.json()["type"] == "error"


async def test_routes_that_return_a_provider_key_are_refused(tmp_path: Path, provider: Replay) -> None:
    provider.default = lambda _: json_answer({"value": "ek_secret"})
    paths = ("/v1/realtime/client_secrets", "/v1/realtime/sessions", "/v1/chatkit/sessions")
    async with running(settings(tmp_path / "a", provider.url)) as relay:
        for path in paths:
            answer = await relay.post(path, {})
            assert (answer.status, relay.record_of(answer).status) == (403, 403)
    assert provider.received == []
    allowed = settings(tmp_path / "b", provider.url, routes={"allow": ["/v1/realtime/*"]})
    async with running(allowed) as relay:
        assert [(await relay.post(path, {})).status for path in paths] == [200, 200, 403]


async def test_limited_key_cannot_send_a_body_without_a_model(relay: Relay, provider: Replay) -> None:
    raw = keys.issue(relay.config.keys.file, user="ada", team="search", models=["gpt-4o*"])
    relay.app[SERVICES].keys.refresh()
    headers = {"Authorization": f"Bearer {raw}"}
    answer = await relay.post("/v1/batches", {"input_file_id": "file-of-somebody"}, headers)
    assert answer.status == 403
    assert provider.received == []


async def test_answers_do_not_name_the_server_software(relay: Relay, provider: Replay) -> None:
    provider.will(json_answer({"choices": []}, headers={"Server": "cloudflare"}))
    for answer in (await relay.post(CHAT, BODY), await send(relay, "GET", "/healthz")):
        assert answer.headers["Server"] == "relay"
