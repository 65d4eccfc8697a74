"""Replays every recorded answer through the proxy: it is forwarded unchanged and its tokens are recorded."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from proxy.exchange import poll_timer as watch
from proxy.segments.record import RequestLine
from tests.integration.proxy.exchange.test_disconnects import Leaver, the_record
from tests.support.real_input import RECORDINGS, Recording, needs_real_input
from tests.support.replay import Answer, Received, Replay, events, json_answer, stream_answer
from tests.support.running import Relay, Whole, running, settings

pytestmark = needs_real_input

PLAIN = [recording for recording in RECORDINGS if not recording.stream]
STREAMS = [recording for recording in RECORDINGS if recording.stream]
UNASKED = [
    recording
    for recording in STREAMS
    if recording.expected is None and not (recording.request.get("stream_options") or {}).get("include_usage")
]
INJECTED = {
    "prompt_tokens": 1207,
    "completion_tokens": 311,
    "total_tokens": 1518,
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 64},
}


def _id(recording: Recording) -> str:
    return f"{recording.provider}-{recording.id}"


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    everything = {"models": ["*"], "price_provider": None}
    upstreams = {"openai": everything, "anthropic": everything}
    async with running(settings(tmp_path, provider.url, upstreams=upstreams)) as proxy:
        yield proxy


def _answer(recording: Recording, body: bytes, cut: int | None = None) -> Answer:
    if recording.stream:
        return stream_answer(body, cut=cut, headers=_content_type(recording))
    return json_answer(body, status=recording.status, headers=_content_type(recording))


def _content_type(recording: Recording) -> dict[str, str]:
    return {"Content-Type": recording.headers.get("content-type", "application/json")}


async def _ask(relay: Relay, recording: Recording) -> Whole:
    return await relay.post(recording.path, recording.request)


def _check(relay: Relay, recording: Recording, answer: Whole, expected: dict[str, Any] | None) -> None:
    record = relay.record_of(answer)
    assert answer.status == record.status == recording.status
    assert record.endpoint == recording.path
    _check_tokens(record, expected, unknown="none" if recording.status >= 400 else "estimated")


def _check_tokens(record: RequestLine, expected: dict[str, Any] | None, *, unknown: str) -> None:
    """Compares a record with the recorded usage; `unknown` is the usage source if the provider sent none."""
    if expected is None:
        assert record.usage_source == unknown
        assert record.usage is None
        return
    assert record.usage_source == "provider"
    counted = {
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "cached_tokens": record.cache_read_tokens,
        "cache_write_tokens": record.cache_write_tokens,
        "reasoning_tokens": record.reasoning_tokens,
    }
    assert counted == {name: expected[name] for name in counted}


@pytest.mark.parametrize("recording", RECORDINGS, ids=_id)
async def test_recorded_answer_is_forwarded_and_its_tokens_recorded(
    relay: Relay, provider: Replay, recording: Recording
) -> None:
    provider.will(_answer(recording, recording.body))
    answer = await _ask(relay, recording)
    assert answer.body == recording.body
    assert answer.headers["Content-Type"] == _content_type(recording)["Content-Type"]
    _check(relay, recording, answer, recording.expected)


def _awkward_cuts(body: bytes) -> list[int]:
    """Chunk sizes that split UTF-8 characters, `data:`, CR and LF, and everything else."""
    inside = next((at + 1 for at, byte in enumerate(body) if byte >= 0xC0), 2)
    return sorted({1, 2, 3, 5, 7, inside} if len(body) < 20_000 else {13, 97, inside if inside > 8 else 11})


@pytest.mark.parametrize("recording", STREAMS, ids=_id)
async def test_stream_split_at_awkward_positions_is_unchanged(
    relay: Relay, provider: Replay, recording: Recording
) -> None:
    for cut in _awkward_cuts(recording.body):
        provider.will(_answer(recording, recording.body, cut))
        answer = await _ask(relay, recording)
        assert answer.body == recording.body, f"cut every {cut} bytes"
        _check(relay, recording, answer, recording.expected)


def _at_random(body: bytes, seed: str) -> list[bytes]:
    """Splits a body at pseudo-random positions."""
    choice = random.Random(seed)
    ends = sorted({0, len(body), *(choice.randrange(len(body)) for _ in range(30))})
    return [body[begin:end] for begin, end in pairwise(ends)]


@pytest.mark.parametrize("recording", RECORDINGS, ids=_id)
@pytest.mark.parametrize("encode", [bytes, gzip.compress], ids=["plain", "gzip"])
async def test_answer_split_at_random_bytes_is_unchanged(
    relay: Relay, provider: Replay, recording: Recording, encode: Callable[[bytes], bytes]
) -> None:
    sent = encode(recording.body)
    headers = _content_type(recording) | ({"Content-Encoding": "gzip"} if sent != recording.body else {})
    parts = _at_random(sent, recording.id)
    provider.will(Answer(status=recording.status, headers=headers, steps=tuple(parts)))
    answer = await _ask(relay, recording)
    assert answer.body == recording.body
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Type"] == _content_type(recording)["Content-Type"]
    _check(relay, recording, answer, recording.expected)


ANSWERED = [recording for recording in RECORDINGS if recording.status < 400]


@pytest.mark.parametrize("recording", ANSWERED, ids=_id)
@pytest.mark.parametrize("encode", [bytes, gzip.compress], ids=["plain", "gzip"])
async def test_disconnected_client_is_recorded_with_all_tokens(
    relay: Relay,
    provider: Replay,
    monkeypatch: pytest.MonkeyPatch,
    recording: Recording,
    encode: Callable[[bytes], bytes],
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.02)
    sent, rest = encode(recording.body), asyncio.Event()
    headers = _content_type(recording) | ({"Content-Encoding": "gzip"} if sent != recording.body else {})
    half = len(sent) // 2
    provider.will(Answer(headers=headers, steps=(sent[:half], rest, sent[half:])))
    client = await Leaver.asking(relay, recording.path, recording.request)
    await client.reads(b"200 OK")
    await client.closes()
    rest.set()
    record = await the_record(relay)
    assert record.error is not None
    assert record.error.type == "client_gone"
    _check_tokens(record, recording.expected, unknown="estimated")


@pytest.mark.parametrize("recording", UNASKED, ids=_id)
@pytest.mark.parametrize("cut", [None, 1, 3, 64])
async def test_stream_without_usage_gets_it_on_relays_request(
    relay: Relay, provider: Replay, recording: Recording, cut: int | None
) -> None:
    body = recording.body.removesuffix(b"data: [DONE]\n\n")
    chunk = json.dumps(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": INJECTED}
    )

    def serve(received: Received) -> Answer:
        asked = received.json().get("stream_options") == {"include_usage": True}
        return _answer(recording, body + events(chunk.encode()) if asked else recording.body, cut)

    provider.default = serve
    answer = await _ask(relay, recording)
    assert answer.body == recording.body, "the client did not ask for the usage chunk and does not get it"
    expected = {
        "prompt_tokens": 1207,
        "completion_tokens": 311,
        "cached_tokens": 1024,
        "cache_write_tokens": 0,
        "reasoning_tokens": 64,
    }
    _check(relay, recording, answer, expected)


def test_all_recordings_are_present() -> None:
    assert len(RECORDINGS) == 40
    assert len(PLAIN) + len(STREAMS) == 40
    assert len(UNASKED) >= 4
