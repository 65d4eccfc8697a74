"""The headers of cross-origin requests: preflights, answers, errors, streams and refused origins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.replay import Replay, events, json_answer, stream_answer
from tests.support.running import Relay, running, settings

CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": []}
PAGE = "https://app.example.com"
ORIGIN = {"Origin": PAGE}
ALLOW = "Access-Control-Allow-Origin"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, x-stainless-lang",
}


async def preflight(relay: Relay, path: str, origin: str) -> tuple[int, Mapping[str, str]]:
    """A preflight, which carries no key."""
    headers = PREFLIGHT | {"Origin": origin}
    async with relay.session.options(relay.url + path, headers=headers) as answer:
        return answer.status, answer.headers


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/models", "/v1/models/x", "/v1/files/f"])
async def test_preflight_is_answered_without_a_key(tmp_path: Path, provider: Replay, path: str) -> None:
    async with running(settings(tmp_path, provider.url, server={"cors_origins": [PAGE]})) as relay:
        status, headers = await preflight(relay, path, PAGE)
        assert (status, headers[ALLOW]) == (204, PAGE)
        assert headers["Access-Control-Allow-Headers"] == PREFLIGHT["Access-Control-Request-Headers"]
        assert "POST" in headers["Access-Control-Allow-Methods"]
        assert headers["Access-Control-Max-Age"] == "7200"
        assert "Access-Control-Allow-Credentials" not in headers
        assert (provider.received, relay.records()) == ([], [])


async def test_answers_errors_and_streams_have_the_headers(tmp_path: Path, provider: Replay) -> None:
    stream = stream_answer(events({"choices": [{"delta": {"content": "hi"}}]}))
    cors = {ALLOW: "*", "Access-Control-Allow-Credentials": "true", "Vary": "Accept"}
    provider.will(json_answer({}, headers=cors), json_answer({"error": {}}, status=429), stream)
    async with running(settings(tmp_path, provider.url, server={"cors_origins": [PAGE]})) as relay:
        answers = [
            await relay.post(CHAT, ASK, ORIGIN),
            await relay.post(CHAT, ASK, ORIGIN),
            await relay.post(CHAT, ASK | {"stream": True}, ORIGIN),
            await relay.post(CHAT, b"{", ORIGIN),
            await relay.post(CHAT, ASK, ORIGIN | {"Authorization": "Bearer rk_wrong"}),
            await relay.get("/v1/models", ORIGIN),
        ]
        assert [answer.status for answer in answers] == [200, 429, 200, 400, 401, 200]
        for answer in answers:
            assert answer.headers[ALLOW] == PAGE
            assert "Origin" in answer.headers.getall("Vary")  # type: ignore[attr-defined]
            exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
            assert {"x-relay-request-id", "retry-after", "x-ratelimit-limit-requests"} <= set(exposed)
            assert "Access-Control-Allow-Credentials" not in answer.headers
        assert all("Origin" not in received.headers for received in provider.received)


async def test_origin_that_is_not_permitted_gets_no_headers(tmp_path: Path, provider: Replay) -> None:
    provider.default = lambda _: json_answer({}, headers={ALLOW: "*"})
    async with running(settings(tmp_path, provider.url, server={"cors_origins": [PAGE]})) as relay:
        for origin in ("https://evil.example", "http://app.example.com", f"{PAGE}.evil.example", "null"):
            status, headers = await preflight(relay, CHAT, origin)
            assert status == 403
            assert not [name for name in headers if name.startswith("Access-Control-")]
            answer = await relay.post(CHAT, ASK, {"Origin": origin})
            assert (answer.status, answer.headers["Vary"]) == (200, "Origin")
            assert not [name for name in answer.headers if name.startswith("Access-Control-")]


async def test_any_origin_is_permitted_by_an_asterisk(tmp_path: Path, provider: Replay) -> None:
    provider.default = lambda _: json_answer({})
    async with running(settings(tmp_path, provider.url, server={"cors_origins": "*"})) as relay:
        assert (await preflight(relay, CHAT, "null"))[1][ALLOW] == "*"
        answer = await relay.post(CHAT, ASK, ORIGIN)
        assert answer.headers[ALLOW] == "*"
        assert "Vary" not in answer.headers
        assert ALLOW not in (await relay.get("/metrics", ORIGIN)).headers


async def test_without_the_setting_nothing_is_added(relay: Relay, provider: Replay) -> None:
    provider.default = lambda _: json_answer({}, headers={ALLOW: "*"})
    assert (await preflight(relay, CHAT, PAGE))[0] == 401
    answer = await relay.post(CHAT, ASK, ORIGIN)
    assert (answer.status, ALLOW in answer.headers, "Vary" in answer.headers) == (200, False, False)


async def test_options_without_a_preflight_needs_a_key(tmp_path: Path, provider: Replay) -> None:
    async with (
        running(settings(tmp_path, provider.url, server={"cors_origins": "*"})) as relay,
        relay.session.options(relay.url + CHAT, headers=ORIGIN) as answer,
    ):
        assert answer.status == 401
