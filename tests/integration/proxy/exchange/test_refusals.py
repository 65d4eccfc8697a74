"""Relay's own refusals: in the form of the API, recorded once, and never sent upstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.app import SERVICES
from proxy.request import keys
from tests.support.replay import Answer, Replay, json_answer
from tests.support.running import Relay, Whole, running, settings

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
ROUTES = pytest.mark.parametrize(("path", "model"), [(CHAT, "gpt-4o"), (MESSAGES, "claude-haiku-4-5")])


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    async with running(settings(tmp_path, provider.url, server={"max_body_bytes": 2000})) as relay:
        yield relay


def check_form(path: str, answer: Whole, kinds: tuple[str, str], code: str) -> None:
    """That the body is the error that a client of this API knows."""
    body = answer.json()
    assert answer.headers["Content-Type"].startswith("application/json")
    if path == MESSAGES:
        assert body == {"type": "error", "error": {"type": kinds[1], "message": body["error"]["message"]}}
    else:
        message = body["error"]["message"]
        assert body == {"error": {"message": message, "type": kinds[0], "param": None, "code": code}}
    assert "\n" not in body["error"]["message"]


NO_KEYS: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer rk_unknown"},
    {"Authorization": "Bearer sk-of-openai"},
    {"Authorization": "Basic cmtfeDo="},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer rk_\udcff\udcfe"},
    {"x-api-key": ""},
    {"x-api-key": "rk_"},
]


@ROUTES
@pytest.mark.parametrize("headers", NO_KEYS)
async def test_request_without_a_relay_key_is_401_without_a_record(
    provider: Replay, relay: Relay, path: str, model: str, headers: dict[str, str]
) -> None:
    async with relay.session.post(relay.url + path, json={"model": model}, headers=headers) as got:
        answer = Whole(status=got.status, headers=got.headers, body=await got.read())
    assert answer.status == 401
    check_form(path, answer, ("authentication_error", "authentication_error"), "invalid_api_key")
    assert relay.lines() == []
    assert provider.received == []


async def test_anthropic_routes_accept_the_key_in_either_header(provider: Replay, relay: Relay) -> None:
    provider.default = lambda _: json_answer({"usage": {"input_tokens": 1, "output_tokens": 1}})
    for headers in ({"Authorization": f"Bearer {relay.key}"}, {"x-api-key": relay.key}):
        async with relay.session.post(
            relay.url + MESSAGES, json={"model": "claude-haiku-4-5"}, headers=headers
        ) as answer:
            assert answer.status == 200
    assert len(relay.records()) == 2


TOO_LARGE = b'{"model": "gpt-4o", "x": "' + b"x" * 2000 + b'"}'
# (case, body or model, status, OpenAI's and Anthropic's type, code)
REFUSED: list[tuple[str, Any, int, tuple[str, str], str]] = [
    ("a model the key may not use", "gpt-5-secret", 403, ("permission_error", "permission_error"),
     "model_not_allowed"),
    ("a model nobody serves", "llama-70b", 404, ("invalid_request_error", "not_found_error"),
     "model_not_found"),
    ("no JSON", b"{", 400, ("invalid_request_error", "invalid_request_error"), "invalid_json"),
    ("an empty body", b"", 400, ("invalid_request_error", "invalid_request_error"), "invalid_json"),
    ("no model", b"{}", 400, ("invalid_request_error", "invalid_request_error"), "missing_model"),
    ("a model that is no name", b'{"model": []}', 400, ("invalid_request_error", "invalid_request_error"),
     "invalid_model"),
    ("too large", TOO_LARGE, 413, ("invalid_request_error", "request_too_large"), "request_too_large"),
]  # fmt: skip


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("case", REFUSED, ids=[row[0] for row in REFUSED])
async def test_refusal_has_the_api_s_form_and_one_record(
    provider: Replay, relay: Relay, path: str, case: tuple[str, Any, int, tuple[str, str], str]
) -> None:
    _, asked, status, kinds, code = case
    file = relay.config.keys.file
    raw = keys.issue(file, user="bob", team="engines", models=["gpt-4o", "claude-*", "llama-*"])
    relay.app[SERVICES].keys.refresh()
    body = asked if isinstance(asked, bytes) else {"model": asked, "messages": []}
    auth = {"x-api-key": raw} if path == MESSAGES else {"Authorization": f"Bearer {raw}"}
    answer = await relay.post(path, body, auth)
    assert answer.status == status
    check_form(path, answer, kinds, code)
    record = relay.record_of(answer)
    assert len(relay.records()) == 1
    assert (record.status, record.user_id, record.endpoint, record.provider) == (status, "bob", path, "")
    assert (record.usage_source, record.total_tokens, record.cost_usd) == ("none", 0, Decimal(0))
    assert record.error is not None
    assert record.error.type == code
    assert record.model == (asked if isinstance(asked, str) else "")
    assert (provider.received, relay.intents(), record.attempts) == ([], [], ())


BATCH = {"requests": [{"custom_id": "1", "params": {"model": "claude-haiku-4-5", "messages": []}}]}


async def test_key_limited_to_models_cannot_use_others_in_a_batch(provider: Replay, relay: Relay) -> None:
    provider.default = lambda _: json_answer({"id": "msgbatch_1"})
    for models, status in ((["claude-opus-*"], 403), (["claude-haiku-*"], 200), (["*"], 200)):
        raw = keys.issue(relay.config.keys.file, user="bob", team="engines", models=models)
        relay.app[SERVICES].keys.refresh()
        answer = await relay.post("/v1/messages/batches", BATCH, {"x-api-key": raw})
        assert answer.status == status
    assert len(provider.received) == 2


UNREADABLE = [
    b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x--\r\n',
    b'\xef\xbb\xbf{"model": "gpt-5-secret"}',
    '{"model": "gpt-5-secret"}'.encode("utf-16"),
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_key_limited_to_models_needs_a_readable_model(
    provider: Replay, relay: Relay, body: bytes
) -> None:
    raw = keys.issue(relay.config.keys.file, user="bob", team="engines", models=["gpt-4o"])
    relay.app[SERVICES].keys.refresh()
    for key, status in ((raw, 403), (relay.key, 200)):
        provider.default = lambda _: json_answer({"text": "hello"})
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=x"}
        answer = await relay.post("/v1/audio/transcriptions", body, headers)
        assert answer.status == status
    assert [record.status for record in relay.records()] == [403, 200]
    assert len(provider.received) == 1


async def test_connection_is_reused_after_a_refusal(provider: Replay, relay: Relay) -> None:
    provider.will(json_answer({"usage": {"prompt_tokens": 1}}))
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        for body, status in ((b"{", 400), (b'{"model": "gpt-4o"}', 200)):
            async with session.post(relay.url + CHAT, data=body, headers=relay.headers(CHAT)) as answer:
                assert answer.status == status


TRAVERSALS = [
    "/v1/../admin",
    "/v1/%2e%2e/admin",
    "/v1/files/%2E%2E/%2E%2E/admin",
    "/v1/./models",
    "/v1/x/.%2e",
]


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_route_leaves_the_upstream_s_v1(provider: Replay, relay: Relay, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(relay.url.rpartition(":")[2]))
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {relay.key}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert provider.received == []
    assert [record.status for record in relay.records()] == [404]


BROKEN_BODIES = [
    ("a coding it does not have", {"Content-Encoding": "gzip"}, b'{"model": "gpt-4o"}'),
    ("half of a compressed body", {"Content-Encoding": "deflate"}, b"x\x9c\xab"),
]


@pytest.mark.parametrize(
    ("headers", "body"), [row[1:] for row in BROKEN_BODIES], ids=[row[0] for row in BROKEN_BODIES]
)
async def test_undecodable_body_is_400(
    provider: Replay, relay: Relay, headers: dict[str, str], body: bytes
) -> None:
    answer = await relay.post(CHAT, body, headers)
    assert answer.status == 400
    assert provider.received == []


async def test_body_that_does_not_arrive_is_refused(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, server={"receive_seconds": 0.1})) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(relay.url.rpartition(":")[2]))
        head = (
            f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {relay.key}\r\nContent-Length: 99\r\n"
        )
        writer.write(head.encode() + b'\r\n{"model": ')
        assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
        assert b"the body was not whole after 0.1 s; see server.receive_seconds" in await reader.read()
        writer.close()
        (record,) = relay.records()
        assert (record.status, record.error and record.error.type) == (408, "request_timeout")
        assert (record.cost_usd, record.usage_source) == (Decimal(0), "none")
    assert provider.received == []


async def test_invalid_stream_options_are_forwarded(provider: Replay, relay: Relay) -> None:
    refusal = {"error": {"type": "invalid_request_error", "param": "stream_options"}}
    for options in ("nonsense", 7, ["include_usage"]):
        provider.will(json_answer(refusal, status=400))
        answer = await relay.post(CHAT, {"model": "gpt-4o", "stream": True, "stream_options": options})
        assert (answer.status, answer.json()) == (400, refusal)
        assert provider.received[-1].json()["stream_options"] == options
    assert len(provider.received) == 3


ODD_PATHS = ["/v1/%00", "/v1/%FF%FE", "/v1/%ED%A0%80", "/v1/" + "x" * 2000, "/v1/a//b"]


@pytest.mark.parametrize("path", ODD_PATHS)
async def test_unusual_route_is_recorded(provider: Replay, relay: Relay, path: str) -> None:
    provider.default = lambda _: Answer(status=404, headers={"x-request-id": "\udcff\udcfe"})
    reader, writer = await asyncio.open_connection("127.0.0.1", int(relay.url.rpartition(":")[2]))
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {relay.key}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
    writer.close()
    (record,) = relay.records()
    assert record.endpoint.startswith("/v1/")
    assert provider.received[0].path == path
