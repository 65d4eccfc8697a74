"""Upstreams that refuse, break off, stall or send invalid answers: the response and the record."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from proxy.segments.record import RequestLine
from tests.support.replay import (
    BREAK,
    STALL,
    Answer,
    Replay,
    Step,
    events,
    json_answer,
    named_events,
    stream_answer,
)
from tests.support.running import Relay, running, settings

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
CONTENT = events({"choices": [{"delta": {"content": "12345678"}}]}, done=False)
ASK = {"model": "gpt-4o", "messages": [{"content": "1234"}]}
STREAM = ASK | {"stream": True}
SHORT = {"connect": 0.1, "first_byte": 0.2, "idle": 0.2}


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    short = {"timeouts": SHORT}
    config = settings(tmp_path, provider.url, upstreams={"openai": short, "anthropic": short})
    async with running(config) as relay:
        yield relay


def the_record(relay: Relay, status: int, error: str) -> RequestLine:
    """The one record there is, with this status and type of error."""
    (record,) = relay.records()
    assert record.error is not None
    assert (record.status, record.error.type) == (status, error)
    return record


async def test_unreachable_upstream_is_502(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: refused
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with running(settings(tmp_path, url)) as relay:
            answer = await relay.post(CHAT, ASK)
            assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
            record = the_record(relay, 502, "upstream_unreachable")
            assert (record.cost_usd, record.usage_source, len(relay.intents())) == (Decimal(0), "none", 1)
            assert [attempt.status for attempt in record.attempts] == [None]
            answer = await relay.post(MESSAGES, {"model": "claude-haiku-4-5"})
            assert answer.json()["error"]["type"] == "api_error"


async def test_host_without_an_address_is_502(tmp_path: Path) -> None:
    async with running(settings(tmp_path, "http://relay-test.invalid")) as relay:
        assert (await relay.post(CHAT, ASK)).status == 502
        the_record(relay, 502, "upstream_unreachable")


async def test_upstream_that_never_accepts_is_504(tmp_path: Path) -> None:
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(4):  # fill its queue, so that the next is not answered
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        config = settings(
            tmp_path, f"http://127.0.0.1:{address[1]}", upstreams={"openai": {"timeouts": SHORT}}
        )
        async with running(config) as relay:
            answer = await relay.post(CHAT, ASK)
            assert (answer.status, answer.json()["error"]["type"]) == (504, "timeout_error")
            assert the_record(relay, 504, "upstream_timeout").cost_usd == 0


# (case, what the upstream does before its head, status, type of error): it may have worked, at a price.
SILENT: list[tuple[str, tuple[Step, ...], int, str]] = [
    ("drops the connection", (BREAK,), 502, "upstream_broken"),
    ("never answers", (STALL,), 504, "upstream_timeout"),
]


@pytest.mark.parametrize(
    ("before", "status", "error"), [row[1:] for row in SILENT], ids=[row[0] for row in SILENT]
)
async def test_upstream_without_an_answer(
    provider: Replay, relay: Relay, before: tuple[Step, ...], status: int, error: str
) -> None:
    provider.will(Answer(before=before))
    answer = await relay.post(CHAT, ASK)
    assert (answer.status, answer.json()["error"]["code"]) == (status, error)
    record = the_record(relay, status, error)
    assert (record.cost_usd, record.usage_source, record.total_tokens) == (None, "none", 0)


@pytest.mark.parametrize(
    ("end", "status", "error"), [(BREAK, 502, "upstream_broken"), (STALL, 504, "upstream_timeout")]
)
async def test_broken_json_answer_is_broken_off(
    provider: Replay, relay: Relay, end: Step, status: int, error: str
) -> None:
    headers = {"Content-Type": "application/json"}
    provider.will(Answer(headers=headers, steps=(b'{"choices"', b": [", end), length=100))
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
        await relay.post(CHAT, ASK)
    record = the_record(relay, status, error)
    assert (record.usage_source, record.cost_usd) == ("none", None)


@pytest.mark.parametrize(
    ("end", "status", "error"), [(BREAK, 502, "upstream_broken"), (STALL, 504, "upstream_timeout")]
)
async def test_stream_broken_between_events_ends_with_an_error_event(
    provider: Replay, relay: Relay, end: Step, status: int, error: str
) -> None:
    provider.will(stream_answer([CONTENT, end]))
    answer = await relay.post(CHAT, STREAM)
    begin, event = answer.body[: len(CONTENT)], answer.body[len(CONTENT) :]
    assert begin == CONTENT
    assert event.startswith(b'data: {"error":{')
    assert event.endswith(b"}}\n\n")
    record = the_record(relay, status, error)
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == ("estimated", 1, 2)
    assert record.cost_usd is not None


async def test_broken_anthropic_stream_has_exact_input(provider: Replay, relay: Relay) -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}
    body = named_events(start, {"type": "content_block_delta", "delta": {"text": "12345678"}})
    provider.will(stream_answer([body, BREAK]))
    answer = await relay.post(MESSAGES, {"model": "claude-haiku-4-5", "stream": True})
    assert answer.body.startswith(body + b'event: error\ndata: {"type":"error","error":{"type":"api_error"')
    record = the_record(relay, 502, "upstream_broken")
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == ("estimated", 100, 2)


async def test_stream_broken_inside_an_event_gets_no_error_event(provider: Replay, relay: Relay) -> None:
    asked = STREAM | {"stream_options": {"include_usage": True}}
    provider.will(stream_answer([CONTENT, CONTENT[:15], BREAK]))
    async with relay.open(CHAT, asked) as answer:
        assert await answer.content.readexactly(len(CONTENT) + 15) == CONTENT + CONTENT[:15]
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.readany()
    the_record(relay, 502, "upstream_broken")


async def test_stream_broken_after_its_end_is_complete(provider: Replay, relay: Relay) -> None:
    body = CONTENT + events({"choices": [], "usage": USAGE})
    provider.will(stream_answer([body, BREAK]))
    answer = await relay.post(CHAT, STREAM)
    assert answer.body == CONTENT + b"data: [DONE]\n\n"
    record = relay.record_of(answer)
    assert (record.status, record.prompt_tokens, record.error) == (200, 10, None)


REFUSALS: list[tuple[int, dict[str, str], str]] = [
    (400, {}, "invalid_request_error"),
    (401, {}, "invalid_request_error"),
    (429, {"retry-after": "7", "retry-after-ms": "7000", "x-should-retry": "true"}, "tokens"),
    (500, {"x-should-retry": "false"}, "server_error"),
    (503, {"retry-after": "1"}, "server_error"),
    (529, {}, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "headers", "kind"), REFUSALS)
async def test_upstream_error_passes_through_and_costs_nothing(
    provider: Replay, relay: Relay, status: int, headers: dict[str, str], kind: str
) -> None:
    body = b'{"error":  {"message": "your prompt was: secret", "type": "' + kind.encode() + b'"}}'
    provider.will(json_answer(body, status=status, headers=headers | {"x-ratelimit-remaining-requests": "0"}))
    answer = await relay.post(CHAT, STREAM)
    assert (answer.status, answer.body) == (status, body)
    assert {name: answer.headers[name] for name in headers} == headers
    assert "x-ratelimit-remaining-requests" not in answer.headers
    record = the_record(relay, status, kind)
    assert (record.cost_usd, record.usage_source, record.total_tokens) == (Decimal(0), "none", 0)
    assert [attempt.status for attempt in record.attempts] == [status]
    assert "secret" not in str(record)
    assert len(provider.received) == 1


STREAM_OPTIONS_REFUSED = {
    "error": {"type": "invalid_request_error", "message": "Unknown field: stream_options"}
}


async def test_upstream_without_stream_options_is_remembered(provider: Replay, relay: Relay) -> None:
    plain = CONTENT + events({"choices": [], "usage": USAGE})
    provider.will(json_answer(STREAM_OPTIONS_REFUSED, status=400), stream_answer(plain), stream_answer(plain))
    first = await relay.post(CHAT, STREAM)
    assert first.body == plain  # Relay asked for nothing this time, so it takes nothing out
    record = relay.record_of(first)
    assert [attempt.status for attempt in record.attempts] == [400, 200]
    assert (record.status, record.prompt_tokens, len(relay.records()), len(relay.intents())) == (
        200,
        10,
        1,
        1,
    )
    await relay.post(CHAT, STREAM)
    asked = ["stream_options" in received.json() for received in provider.received]
    assert asked == [True, False, False]


async def test_client_cannot_prevent_the_request_for_usage(provider: Replay, relay: Relay) -> None:
    # The upstream refuses something of the client's that it quotes; the next stream is asked as ever.
    refused = json_answer(STREAM_OPTIONS_REFUSED, status=400)
    provider.will(refused, refused, stream_answer(CONTENT + events({"choices": [], "usage": USAGE})))
    odd = STREAM | {"messages": "stream_options"}
    assert (await relay.post(CHAT, odd)).status == 400
    answer = await relay.post(CHAT, STREAM)
    assert provider.received[-1].json()["stream_options"] == {"include_usage": True}
    assert relay.record_of(answer).prompt_tokens == 10


async def test_redirect_is_passed_to_the_client(provider: Replay, relay: Relay) -> None:
    provider.will(Answer(status=307, headers={"Location": "http://127.0.0.1:1/"}, length=0))
    async with relay.session.post(
        relay.url + CHAT, json=ASK, headers=relay.headers(CHAT), allow_redirects=False
    ) as answer:
        assert answer.status == 307
    assert len(provider.received) == 1
