"""Hostile clients and providers: nothing they send loses a record, a cost or a secret."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from proxy.request import keys
from tests.support.replay import BREAK, Answer, Replay, events, json_answer, stream_answer
from tests.support.running import Relay, running, settings, until

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
ANSWER = {"model": "gpt-4o-2024-08-06", "choices": [{"message": {"content": "hi"}}], "usage": USAGE}
CHUNK = {"model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
COUNTED = {"choices": [], "usage": USAGE}
ASKED = {"model": "gpt-4o", "messages": []}
STREAMED = ASKED | {"stream": True}


def request(
    relay: Relay,
    path: str = CHAT,
    method: str = "POST",
    more: str = "Connection: close\r\n",
    body: bytes = b"",
) -> bytes:
    """The bytes of a request; `more` are header lines."""
    body = body or json.dumps(ASKED).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {relay.key}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def sent(relay: Relay, data: bytes) -> bytes:
    """Sends bytes as they are; gives what comes back until the end or half a second of silence."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(relay.url.rpartition(":")[2]))
    writer.write(data)
    answer = b""
    try:
        while True:
            async with asyncio.timeout(0.5):
                part = await reader.read(65_536)
            if not part:
                break
            answer += part
    except TimeoutError:
        pass
    writer.close()
    return answer


SPELLINGS = [
    "/v1//chat/completions",
    "/v1/chat//completions",
    "/v1/chat/completions/",
    "/v1/Chat/Completions",
    "/v1/chat/completions;x",
    "/v1/chat/completions%20",
    "/v1/chat/completions%2F",
    "/v1/chat%2Fcompletions",
    "/v1/chat/completion%73",
]


@pytest.mark.parametrize("path", SPELLINGS)
async def test_no_spelling_of_a_route_bypasses_metering(provider: Replay, relay: Relay, path: str) -> None:
    provider.default = lambda _: json_answer(ANSWER)
    await sent(relay, request(relay, path))
    (record,) = relay.records()
    counted = (record.usage_source, record.prompt_tokens) == ("provider", 10)
    assert counted or (record.status == 404 and not provider.received)


async def test_trace_method_is_not_forwarded(provider: Replay, relay: Relay) -> None:
    provider.default = lambda _: json_answer({})
    answer = await sent(relay, request(relay, method="TRACE"))
    assert not provider.received
    assert b" 405 " in answer.partition(b"\r\n")[0]


@pytest.mark.parametrize("query", ["api_key={key}", "key={key}", "a=1&access_token={key}"])
async def test_relay_key_in_a_query_does_not_reach_the_provider(
    provider: Replay, relay: Relay, query: str
) -> None:
    provider.default = lambda _: json_answer(ANSWER)
    await sent(relay, request(relay, f"{CHAT}?{query.format(key=relay.key)}"))
    assert all(relay.key not in received.path for received in provider.received)


MALFORMED: list[tuple[str, str]] = [
    ("two lengths", "Content-Length: 3\r\n"),
    ("a length and chunks", "Transfer-Encoding: chunked\r\n"),
    ("a header that goes on in the next line", "X-A: 1\r\n folded: x\r\n"),
    ("a control character", "X-A: a\0b\r\n"),
    ("an expectation nobody knows", "Expect: wonders\r\n"),
]


@pytest.mark.parametrize("more", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
async def test_invalid_request_reaches_no_provider(provider: Replay, relay: Relay, more: str) -> None:
    provider.default = lambda _: json_answer(ANSWER)
    assert b" 4" in (await sent(relay, request(relay, more=more)))[:14]
    assert not provider.received
    assert (await relay.post(CHAT, ASKED)).status == 200


@pytest.mark.parametrize("kept", ["", "Connection: keep-alive\r\n"])
async def test_stream_to_an_http_1_0_client_ends_with_its_connection(
    provider: Replay, relay: Relay, kept: str
) -> None:
    provider.default = lambda _: stream_answer(events(CHUNK, COUNTED))
    asked = request(relay, more=kept, body=json.dumps(STREAMED).encode()).replace(b" HTTP/1.1", b" HTTP/1.0")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(relay.url.rpartition(":")[2]))
    writer.write(asked)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.partition(b"\r\n\r\n")[2] == events(CHUNK)
    assert b"keep-alive" not in answer


async def test_pipelined_requests_are_answered_in_order(provider: Replay, relay: Relay) -> None:
    provider.default = lambda got: json_answer(ANSWER | {"id": got.json()["n"]})
    asked = (json.dumps(ASKED | {"n": number}).encode() for number in range(5))
    answers = await sent(relay, b"".join(request(relay, body=body, more="") for body in asked))
    assert [answers.find(f'"id": {number}'.encode()) > 0 for number in range(5)] == [True] * 5
    assert len(relay.records()) == 5


async def test_aborted_upload_is_499_and_not_sent(provider: Replay, relay: Relay) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(relay.url.rpartition(":")[2]))
    writer.write(request(relay)[:-5])
    await writer.drain()
    await until(relay.active)
    writer.transport.abort()
    await until(relay.records)
    (record,) = relay.records()
    assert (record.status, record.cost_usd) == (499, Decimal(0))
    assert not provider.received


async def test_large_numbers_reach_the_provider_under_an_alias(tmp_path: Path, provider: Replay) -> None:
    provider.default = lambda _: json_answer(ANSWER)
    async with running(settings(tmp_path, provider.url, aliases={"fast": "gpt-4o"})) as relay:
        body = b'{"model":"fast","messages":[],"seed":12345678901234567890123,"top_p":0.1000000000000000001}'
        assert (await relay.post(CHAT, body)).status == 200
    assert provider.received[0].body == body.replace(b"fast", b"gpt-4o")


async def test_connection_header_does_not_remove_relay_s_headers(provider: Replay, relay: Relay) -> None:
    provider.default = lambda _: json_answer(ANSWER)
    await sent(relay, request(relay, more="Connection: authorization, accept-encoding, close\r\n"))
    (received,) = provider.received
    assert received.headers["Authorization"] == "Bearer sk-of-openai"
    assert received.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [600, 999])
async def test_invalid_http_status_leaves_a_readable_record(
    provider: Replay, relay: Relay, status: int
) -> None:
    provider.will(json_answer(ANSWER, status=status))
    answer = await relay.post(CHAT, ASKED)
    assert (answer.status, relay.record_of(answer).status) == (502, 502)


WRAPPED: list[tuple[str, str, bytes]] = [
    ("a stream said to be JSON", "application/json", events(CHUNK, COUNTED)),
    ("a stream said to be text", "text/plain; charset=utf-8", events(CHUNK, COUNTED)),
    ("a stream said to be nothing", "application/octet-stream", events(CHUNK, COUNTED)),
    (
        "a stream with CRLF said to be JSON",
        "application/json",
        events(CHUNK, COUNTED).replace(b"\n", b"\r\n"),
    ),
    ("JSON said to be a stream", "text/event-stream", json.dumps(ANSWER).encode()),
    ("JSON of many lines said to be a stream", "text/event-stream", json.dumps(ANSWER, indent=1).encode()),
    (
        "JSON said to be a stream, blank lines after it",
        "text/event-stream",
        json.dumps(ANSWER).encode() + b"\n\n",
    ),
    (
        "JSON said to be a stream, between comments",
        "text/event-stream",
        b": still here\n\n" + json.dumps(ANSWER, indent=1).encode() + b"\r\n\r\n",
    ),
    ("a stream in capitals", "Text/Event-Stream ; charset=x", events(CHUNK, COUNTED)),
    ("JSON said to be text", "text/plain", json.dumps(ANSWER).encode()),
]


@pytest.mark.parametrize(("kind", "body"), [row[1:] for row in WRAPPED], ids=[row[0] for row in WRAPPED])
async def test_usage_is_found_with_any_content_type(
    provider: Replay, relay: Relay, kind: str, body: bytes
) -> None:
    provider.will(Answer(headers={"Content-Type": kind}, steps=(body,)))
    answer = await relay.post(CHAT, STREAMED | {"stream_options": {"include_usage": True}})
    record = relay.record_of(answer)
    assert (record.usage_source, record.total_tokens, record.error) == ("provider", 14, None)
    assert answer.body == body


async def test_json_error_labelled_as_a_stream_is_an_error(provider: Replay, relay: Relay) -> None:
    provider.will(stream_answer(b'{"error": {"message": "busy", "type": "server_error"}}'))
    record = relay.record_of(await relay.post(CHAT, STREAMED))
    assert record.is_error


REFUSALS: list[tuple[str, Answer]] = [
    ("429 that breaks off", Answer(status=429, steps=(b"xx", BREAK), length=50)),
    ("400 in an encoding that cannot be read", Answer(
        status=400, headers={"Content-Encoding": "br"}, steps=(b"xx",))),
    ("500 that is no gzip", Answer(status=500, headers={"Content-Encoding": "gzip"}, steps=(b"xx",))),
]  # fmt: skip


@pytest.mark.parametrize("refusal", [row[1] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
async def test_error_status_costs_nothing_with_any_body(
    provider: Replay, relay: Relay, refusal: Answer
) -> None:
    provider.will(refusal)
    record = relay.record_of(await relay.post(CHAT, ASKED))
    assert (record.cost_usd, record.usage_source, record.is_error) == (Decimal(0), "none", True)


async def test_audio_counts_as_content(provider: Replay, relay: Relay) -> None:
    spoken = {"choices": [{"delta": {"audio": {"transcript": "hello", "data": "AAAA"}}}]}
    provider.will(stream_answer(events(spoken, COUNTED)))
    assert relay.record_of(await relay.post(CHAT, STREAMED)).ttft_ms is not None


FAILED = {"choices": [{"error": {"code": 502, "message": "x"}, "finish_reason": "error"}], "usage": USAGE}


async def test_failed_answer_is_not_cached_and_teams_are_separate(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, cache={"enabled": True})) as relay:
        other = keys.issue(relay.config.keys.file, user="bob", team="brakes")
        relay.refresh_keys()
        provider.will(json_answer(ANSWER), json_answer(ANSWER), json_answer(FAILED), json_answer(ANSWER))
        first = await relay.post(CHAT, ASKED)
        stranger = await relay.post(CHAT, ASKED, {"Authorization": f"Bearer {other}", "x-team": "engines"})
        assert [relay.record_of(answer).cache_hit for answer in (first, stranger)] == [False, False]
        failed, again = [await relay.post(CHAT, ASKED | {"seed": 1}) for _ in range(2)]
        assert [relay.record_of(answer).cache_hit for answer in (failed, again)] == [False, False]


TWICE = [
    b'{"model":"gpt-4o","messages":[{"content":"%s"}],"messages":[{"content":"x"}]}',
    b'{"model":"gpt-4o","messages":[{"content":"%s","content":"x"}]}',
    b'{"model":"gpt-4o","messages":[{"content":"%s"}],"mess\\u0061ges":[{"content":"x"}]}',
]


@pytest.mark.parametrize("body", TWICE, ids=["messages", "content", "escaped"])
async def test_duplicate_keys_do_not_bypass_scrubbing_and_policy(
    tmp_path: Path, provider: Replay, body: bytes
) -> None:
    provider.default = lambda _: json_answer(ANSWER)
    rules = {"pii": {"enabled": True}, "policy": {"blocked_patterns": ["forbidden"]}}
    async with running(settings(tmp_path, provider.url, **rules)) as relay:
        for secret in (b"ada@example.com", b"forbidden"):
            await relay.post(CHAT, body % secret)
            assert all(secret not in received.body for received in provider.received)
