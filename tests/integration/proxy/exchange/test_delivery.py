"""Answers delivered by the running proxy: as they arrive, byte for byte, with their own counts."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.replay import Answer, Received, Replay, events, json_answer, named_events, stream_answer
from tests.support.running import ON_BOTH_PATHS, Relay, running, settings

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
CONTENT = events({"model": "gpt-4o-2024-08-06", "choices": [{"delta": {"content": "é"}}]}, done=False)
INJECTED = events({"choices": [], "usage": USAGE}, done=False)
DONE = b"data: [DONE]\n\n"
STREAMING = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hello"}]}


async def test_json_answer_and_request_body_pass_byte_for_byte(provider: Replay, relay: Relay) -> None:
    body = b'\n\n{ "model" : "gpt-4o-2024-08-06",\r\n "usage": ' + json.dumps(USAGE).encode() + b" } \n"
    provider.will(json_answer(body))
    sent = b'{"messages": [{"role":"user", "content":"h\\u00e9"}], "model":"gpt-4o"  , "seed": 1.00}\n'
    answer = await relay.post(CHAT, sent)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["Content-Length"] == str(len(body))
    assert (provider.received[0].body, provider.received[0].path) == (sent, CHAT)
    record = relay.record_of(answer)
    assert (record.prompt_tokens, record.completion_tokens, record.usage_source) == (10, 4, "provider")
    assert (record.model, record.upstream_model) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert (record.user_id, record.team_id, record.provider, record.endpoint) == (
        "ada",
        "engines",
        "openai",
        CHAT,
    )
    assert (record.status, record.stream, record.ttft_ms, record.error) == (200, False, None, None)
    assert [(attempt.provider, attempt.status) for attempt in record.attempts] == [("openai", 200)]
    assert record.latency_ms > 0


@ON_BOTH_PATHS
async def test_first_chunk_is_delivered_before_the_second_is_sent(provider: Replay, relay: Relay) -> None:
    second = asyncio.Event()
    provider.will(stream_answer([CONTENT, second, CONTENT, INJECTED, DONE]))
    async with relay.open(CHAT, STREAMING) as answer:
        assert await answer.content.readexactly(len(CONTENT)) == CONTENT
        second.set()
        assert await answer.read() == CONTENT + DONE
    (record,) = relay.records()
    assert (record.prompt_tokens, record.completion_tokens, record.stream) == (10, 4, True)
    assert record.ttft_ms is not None
    assert record.ttft_ms <= record.latency_ms


@ON_BOTH_PATHS
async def test_head_of_a_stream_is_delivered_before_any_event(provider: Replay, relay: Relay) -> None:
    first = asyncio.Event()
    provider.will(stream_answer([first, CONTENT, DONE]))
    async with relay.open(CHAT, STREAMING) as answer:
        assert answer.status == 200
        first.set()
        assert await answer.read() == CONTENT + DONE


@ON_BOTH_PATHS
async def test_half_an_event_passes_immediately_when_unfiltered(provider: Replay, relay: Relay) -> None:
    second = asyncio.Event()
    asked = STREAMING | {"stream_options": {"include_usage": True}}
    provider.will(stream_answer([CONTENT[:20], second, CONTENT[20:], INJECTED, DONE]))
    async with relay.open(CHAT, asked) as answer:
        assert await answer.content.readexactly(20) == CONTENT[:20]
        second.set()
        assert await answer.read() == (CONTENT + INJECTED + DONE)[20:]
    assert provider.received[0].json() == asked


@ON_BOTH_PATHS
async def test_requested_usage_of_chat_streams_is_hidden_from_the_client(
    provider: Replay, relay: Relay
) -> None:
    provider.will(stream_answer(CONTENT + INJECTED + DONE, cut=7))
    answer = await relay.post(CHAT, STREAMING)
    assert answer.body == CONTENT + DONE
    assert provider.received[0].json() == STREAMING | {"stream_options": {"include_usage": True}}
    assert relay.record_of(answer).usage == USAGE


async def test_alias_is_sent_as_its_model(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, aliases={"fast": "gpt-4o-mini"})) as relay:
        provider.will(json_answer({"usage": USAGE}))
        answer = await relay.post(CHAT, {"model": "fast", "messages": []})
        assert provider.received[0].json() == {"model": "gpt-4o-mini", "messages": []}
        record = relay.record_of(answer)
        assert (record.model, record.cost_usd) == ("fast", record.cost_usd)
        assert record.price_source is not None
        assert record.price_source.endswith("openai/gpt-4o-mini")


@ON_BOTH_PATHS
async def test_anthropic_stream_is_counted_from_start_and_delta(provider: Replay, relay: Relay) -> None:
    body = named_events(
        {"type": "message_start", "message": {"model": "claude-sonnet-4-5-20250929", "usage": {
            "input_tokens": 4, "cache_read_input_tokens": 100, "output_tokens": 3}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "message_delta", "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    )  # fmt: skip
    provider.will(stream_answer(body, cut=11, headers={"request-id": "req_theirs"}))
    answer = await relay.post(MESSAGES, {"model": "claude-sonnet-4-5", "stream": True, "messages": []})
    assert answer.body == body
    record = relay.record_of(answer)
    assert (record.prompt_tokens, record.completion_tokens, record.cache_read_tokens) == (104, 20, 100)
    assert (record.provider, record.provider_request_id) == ("anthropic", "req_theirs")
    assert "stream_options" not in provider.received[0].json()


async def test_client_credentials_are_replaced_by_the_provider_key(provider: Replay, relay: Relay) -> None:
    provider.will(
        json_answer({"usage": USAGE}), json_answer({"usage": {"input_tokens": 1, "output_tokens": 1}})
    )
    for path, model in ((CHAT, "gpt-4o"), (MESSAGES, "claude-haiku-4-5")):
        await relay.post(
            path, {"model": model}, {"Cookie": "a=b", "OpenAI-Beta": "x", "X-Forwarded-For": "10.1.1.1"}
        )
    for received in provider.received:
        assert relay.key not in str(received.headers)
        assert "Cookie" not in received.headers
        assert "X-Forwarded-For" not in received.headers
        assert (received.headers["OpenAI-Beta"], received.headers["Accept-Encoding"]) == ("x", "identity")
    openai, anthropic = provider.received
    assert openai.headers["Authorization"] == "Bearer sk-of-openai"
    assert "x-api-key" not in openai.headers
    assert anthropic.headers["x-api-key"] == "sk-of-anthropic"
    assert "Authorization" not in anthropic.headers


async def test_upstream_cookies_limits_and_framing_are_removed(provider: Replay, relay: Relay) -> None:
    theirs = {
        "Set-Cookie": "__cf_bm=secret",
        "x-ratelimit-remaining-tokens": "9",
        "anthropic-ratelimit-tokens-remaining": "9",
        "openai-organization": "org-ours",
        "Keep-Alive": "timeout=5",
        "x-request-id": "req_theirs",
        "openai-version": "2020-10-01",
    }
    provider.will(json_answer({"usage": USAGE}, headers=theirs))
    answer = await relay.post(CHAT, {"model": "gpt-4o"})
    kept = {name.lower() for name in answer.headers} - {"date", "server", "content-type", "content-length"}
    assert kept == {"x-request-id", "openai-version", "x-relay-request-id"}
    assert relay.record_of(answer).provider_request_id == "req_theirs"


COMPRESSED: list[tuple[str, Callable[[bytes], bytes]]] = [("gzip", gzip.compress), ("deflate", zlib.compress)]


@ON_BOTH_PATHS
@pytest.mark.parametrize(("coding", "compress"), COMPRESSED)
async def test_unrequested_compression_is_decoded(
    provider: Replay, relay: Relay, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    body, headers = json.dumps({"usage": USAGE}).encode(), {"Content-Encoding": coding}
    provider.will(json_answer(compress(body), headers=headers))
    answer = await relay.post(CHAT, {"model": "gpt-4o"}, {"Accept-Encoding": "gzip"})
    assert (answer.body, relay.record_of(answer).prompt_tokens) == (body, 10)
    assert "Content-Encoding" not in answer.headers
    stream = compress(CONTENT + INJECTED + DONE)
    provider.will(stream_answer(stream, cut=5, headers=headers))
    answer = await relay.post(CHAT, STREAMING)
    assert (answer.body, relay.record_of(answer).prompt_tokens) == (CONTENT + DONE, 10)


async def test_client_may_compress_its_body(provider: Replay, relay: Relay) -> None:
    provider.will(json_answer({"usage": USAGE}))
    plain = json.dumps({"model": "gpt-4o"}).encode()
    answer = await relay.post(CHAT, gzip.compress(plain), {"Content-Encoding": "gzip"})
    assert answer.status == 200
    assert provider.received[0].body == plain
    assert "Content-Encoding" not in provider.received[0].headers


@ON_BOTH_PATHS
@pytest.mark.parametrize("asked", [False, True])
async def test_event_of_a_megabyte_passes(provider: Replay, relay: Relay, asked: bool) -> None:
    big = events({"choices": [{"delta": {"content": "x" * 1_000_000}}]}, done=False)
    provider.will(stream_answer(big + INJECTED + DONE, cut=4096))
    body = STREAMING | ({"stream_options": {"include_usage": True}} if asked else {})
    answer = await relay.post(CHAT, body)
    assert answer.body == big + (INJECTED if asked else b"") + DONE
    assert relay.record_of(answer).prompt_tokens == 10


async def test_upstream_connection_is_reused(provider: Replay, relay: Relay) -> None:
    provider.will(
        json_answer({"usage": USAGE}),
        stream_answer(CONTENT + DONE),
        json_answer({"error": {"type": "x"}}, status=429),
        json_answer({"usage": USAGE}),
    )
    for body in ({"model": "gpt-4o"}, STREAMING, {"model": "gpt-4o"}, {"model": "gpt-4o"}):
        await relay.post(CHAT, body)
    assert [received.connection for received in provider.received] == [0, 0, 0, 0]


def by_number(received: Received) -> Answer:
    """A stream whose counts are those its request names, cut and paced differently for each."""
    number = received.json()["seed"]
    usage = {"prompt_tokens": 1000 + number, "completion_tokens": number, "total_tokens": 1000 + 2 * number}
    text = events({"choices": [{"delta": {"content": f"text of {number}"}}]}, done=False)
    return stream_answer(text * 3 + events({"choices": [], "usage": usage}), cut=3 + number % 20)


@ON_BOTH_PATHS
async def test_fifty_concurrent_streams_keep_their_text_and_counts(provider: Replay, relay: Relay) -> None:
    provider.default = by_number
    answers = await asyncio.gather(*(relay.post(CHAT, STREAMING | {"seed": number}) for number in range(50)))
    for number, answer in enumerate(answers):
        assert answer.body.count(b"data: ") == 4
        assert answer.body.count(f'"text of {number}"'.encode()) == 3
        record = relay.record_of(answer)
        assert (record.prompt_tokens, record.completion_tokens) == (1000 + number, number)
    assert len(relay.records()) == len(relay.intents()) == 50
    assert await relay.metric("relay_active_requests") == 0


async def test_recorded_latency_is_at_most_what_the_client_measures(provider: Replay, relay: Relay) -> None:
    provider.will(json_answer({"usage": USAGE}))
    began = time.monotonic()
    answer = await relay.post(CHAT, {"model": "gpt-4o"})
    took_ms = (time.monotonic() - began) * 1000
    record = relay.record_of(answer)
    assert 0 < record.attempts[0].latency_ms <= record.latency_ms <= took_ms
