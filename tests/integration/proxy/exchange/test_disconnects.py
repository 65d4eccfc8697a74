"""Clients that disconnect: the upstream is read to its usage, within a deadline, with status 499."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proxy.exchange import poll_timer as watch
from proxy.segments.record import RequestLine
from tests.support.replay import (
    BREAK,
    EVENT_STREAM,
    STALL,
    Answer,
    Pause,
    Replay,
    Step,
    events,
    json_answer,
    named_events,
    stream_answer,
)
from tests.support.running import ON_BOTH_PATHS, Relay, running, settings, until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
CONTENT = events({"choices": [{"delta": {"content": "12345678"}}]}, done=False)
END = events({"choices": [], "usage": USAGE})
STREAM = {"model": "gpt-4o", "stream": True, "messages": [{"content": "1234"}]}


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Relay]:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.02)
    async with running(settings(tmp_path, provider.url, server={"drain_seconds": 0.3})) as relay:
        yield relay


class Leaver:
    """A client on a socket of its own, which can go when and how it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def asking(cls, relay: Relay, path: str, body: object, *, length: int | None = None) -> Leaver:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(relay.url.rpartition(":")[2]), limit=2**16
        )
        data = json.dumps(body).encode()
        head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length or len(data)}"]
        head += [f"{name}: {value}" for name, value in relay.headers(path).items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + data)
        await writer.drain()
        return cls(reader, writer)

    async def reads(self, data: bytes) -> None:
        await self._reader.readuntil(data)

    async def reads_all(self) -> bytes:
        return await self._reader.read()

    async def closes(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def resets(self) -> None:
        raw: Any = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def the_record(relay: Relay, status: int = 499) -> RequestLine:
    await until(relay.records)
    (record,) = relay.records()
    assert record.status == status
    return record


HOW = pytest.mark.parametrize("how", ["closes", "resets"])


@ON_BOTH_PATHS
@HOW
async def test_disconnect_during_a_stream_is_billed_as_counted(
    provider: Replay, relay: Relay, how: str
) -> None:
    rest = asyncio.Event()
    provider.will(stream_answer([CONTENT, rest, CONTENT, CONTENT, END]))
    client = await Leaver.asking(relay, CHAT, STREAM)
    await client.reads(b"12345678")
    await getattr(client, how)()
    rest.set()
    record = await the_record(relay)
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == ("provider", 10, 4)
    assert record.error is not None
    assert record.error.type == "client_gone"
    assert record.cost_usd is not None


@HOW
async def test_disconnect_before_the_first_byte_is_billed(provider: Replay, relay: Relay, how: str) -> None:
    rest = asyncio.Event()
    provider.will(Answer(headers={"Content-Type": EVENT_STREAM}, before=(rest,), steps=(CONTENT, END)))
    client = await Leaver.asking(relay, CHAT, STREAM)
    await until(lambda: provider.received)
    await getattr(client, how)()
    rest.set()
    record = await the_record(relay)
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == ("provider", 10, 4)


@HOW
async def test_disconnect_during_a_json_answer_is_billed(provider: Replay, relay: Relay, how: str) -> None:
    rest = asyncio.Event()
    body = json.dumps({"usage": USAGE, "pad": "x" * 100}).encode()
    provider.will(stream_answer([body[:20], rest, body[20:]], headers={"Content-Type": "application/json"}))
    client = await Leaver.asking(relay, CHAT, STREAM)
    await client.reads(b"200 OK")
    await getattr(client, how)()
    rest.set()
    record = await the_record(relay)
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == ("provider", 10, 4)


@ON_BOTH_PATHS
async def test_reset_by_a_slow_client_is_not_a_relay_fault(
    provider: Replay, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    much = events({"choices": [{"delta": {"content": "x" * 100_000}}]}, done=False)
    provider.will(stream_answer([CONTENT, *[much] * 80, END]))
    client = await Leaver.asking(relay, CHAT, STREAM)
    await client.reads(b"12345678")
    await asyncio.sleep(0.1)  # the proxy's buffers and the kernel's are full: it waits for the client
    assert relay.records() == []
    await client.resets()
    record = await the_record(relay)
    assert (record.usage_source, record.prompt_tokens) == ("provider", 10)
    assert caplog.records == []


@ON_BOTH_PATHS
async def test_usage_is_estimated_after_drain_seconds(provider: Replay, relay: Relay) -> None:
    provider.will(stream_answer([CONTENT, STALL]))
    client = await Leaver.asking(relay, CHAT, STREAM)
    await client.reads(b"12345678")
    await client.closes()
    record = await the_record(relay)
    assert (record.usage_source, record.prompt_tokens, record.completion_tokens) == ("estimated", 1, 2)
    assert record.cost_usd is not None
    assert record.latency_ms < 4_000  # the upstream's own idle limit is five seconds


async def test_usage_of_an_endless_stream_is_estimated_after_the_drain(
    provider: Replay, relay: Relay
) -> None:
    tick = events({"choices": [{"delta": {"content": "1234"}}]}, done=False)
    left = asyncio.Event()
    steps: list[Step] = [CONTENT, left]
    for _ in range(400):
        steps += [tick, Pause(0.02)]
    provider.will(stream_answer(steps))
    client = await Leaver.asking(relay, CHAT, STREAM)
    await client.reads(b"12345678")
    await client.closes()
    left.set()
    record = await the_record(relay)
    assert record.usage_source == "estimated"
    assert record.completion_tokens >= 2


async def test_anthropic_input_is_exact_after_the_drain(provider: Replay, relay: Relay) -> None:
    start = {"type": "message_start", "message": {"usage": {
        "input_tokens": 4, "cache_read_input_tokens": 100, "output_tokens": 1}}}  # fmt: skip
    text = {"type": "content_block_delta", "delta": {"text": "12345678"}}
    provider.will(stream_answer([named_events(start, text), STALL]))
    client = await Leaver.asking(relay, MESSAGES, {"model": "claude-haiku-4-5", "stream": True})
    await client.reads(b"12345678")
    await client.closes()
    record = await the_record(relay)
    assert (record.usage_source, record.prompt_tokens, record.cache_read_tokens) == ("estimated", 104, 100)
    assert record.completion_tokens == 2


@ON_BOTH_PATHS
async def test_upstream_that_breaks_during_the_drain_leaves_499(provider: Replay, relay: Relay) -> None:
    rest = asyncio.Event()
    provider.will(stream_answer([CONTENT, rest, BREAK]))
    client = await Leaver.asking(relay, CHAT, STREAM)
    await client.reads(b"12345678")
    await client.closes()
    rest.set()
    assert (await the_record(relay)).usage_source == "estimated"


async def test_disconnect_during_the_request_body_sends_nothing(
    provider: Replay, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    client = await Leaver.asking(relay, CHAT, STREAM, length=10_000)
    await until(lambda: relay.active() == 1)
    await client.closes()
    record = await the_record(relay)
    assert (record.usage_source, record.cost_usd, record.attempts) == ("none", Decimal(0), ())
    assert (provider.received, relay.intents(), caplog.records) == ([], [], [])


async def test_client_that_stays_to_the_end_is_not_499(provider: Replay, relay: Relay) -> None:
    provider.will(stream_answer([CONTENT, Pause(0.1), END]))
    answer = await relay.post(CHAT, STREAM)
    assert relay.record_of(answer).status == 200
    provider.will(json_answer({"usage": USAGE}))
    assert relay.record_of(await relay.post(CHAT, {"model": "gpt-4o"})).status == 200


async def test_shutdown_waits_for_active_streams_and_records_them(tmp_path: Path, provider: Replay) -> None:
    rest = asyncio.Event()
    provider.will(stream_answer([CONTENT, rest, END]), stream_answer([CONTENT, STALL]))
    config = settings(tmp_path, provider.url, server={"drain_seconds": 0.3})
    async with running(config) as relay:
        whole = await Leaver.asking(relay, CHAT, STREAM)
        await whole.reads(b"12345678")
        endless = await Leaver.asking(relay, CHAT, STREAM)
        await endless.reads(b"12345678")
        asyncio.get_running_loop().call_later(0.05, rest.set)
    assert b"[DONE]" in await whole.reads_all()
    await whole.closes()
    await endless.closes()
    assert [(record.status, record.usage_source) for record in relay.records()] == [
        (200, "provider"),
        (499, "estimated"),
    ]
    (seal,) = relay.seals()
    assert (seal.records, seal.intents) == (2, 2)


async def test_stalled_client_is_disconnected_after_send_seconds(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.02)
    large = events({"choices": [{"delta": {"content": "1" * 2**20}}]}, done=False)
    config = settings(tmp_path, provider.url, server={"send_seconds": 0.2, "drain_seconds": 5})
    async with running(config) as relay:
        provider.will(stream_answer((*[large] * 40, END)))
        leaver = await Leaver.asking(relay, CHAT, STREAM)
        record = await the_record(relay)
        assert (record.usage_source, record.total_tokens) == ("provider", 14)
        await leaver.resets()
