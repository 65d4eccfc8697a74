"""Through the whole proxy: any framing of the upstream's HTTP gives the answer and its usage."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.replay import events
from tests.support.running import Relay, running, settings
from tests.support.wire import CHUNKED, HEAD, Peer, Script, Wire, answering, once, speaking

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
BODY = events({"choices": [{"delta": {"content": "hé"}}]}, {"choices": [], "usage": USAGE})
SSE = b"Content-Type: text/event-stream\r\n"
STREAM = CHUNKED[:-2] + SSE
WHOLE = HEAD + SSE + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
ASK = {"model": "gpt-4o", "messages": [], "stream": True, "stream_options": {"include_usage": True}}


@asynccontextmanager
async def relaying(directory: Path, *scripts: Script) -> AsyncIterator[tuple[Wire, Relay]]:
    """Relay before a provider that follows these scripts."""
    async with speaking(*scripts) as wire, running(settings(directory, wire.url)) as relay:
        yield wire, relay


def chunked(body: bytes, size: int) -> bytes:
    """A body in chunks of this size, with what HTTP allows beside them."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;note=1\r\n%b\r\n" % (len(part), part) for part in parts)
    return chunks + b"0\r\nX-Trailer: 1\r\n\r\n"


# (case, the whole answer of the upstream, whether its connection can be kept)
SHAPES: list[tuple[str, list[bytes], bool]] = [
    ("chunks of one byte", [STREAM + b"\r\n" + chunked(BODY, 1)], True),
    ("single bytes of chunks of five", [bytes([byte]) for byte in STREAM + b"\r\n" + chunked(BODY, 5)], True),
    ("100 and 103 first", [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
     WHOLE], True),
    ("until the end", [HEAD + SSE + b"\r\n", BODY[:9], BODY[9:]], False),
    ("HTTP/1.0", [b"HTTP/1.0 200 OK\r\n" + SSE + b"\r\n" + BODY], False),
    ("gzip unasked", [STREAM + b"Content-Encoding: gzip\r\n\r\n", chunked(gzip.compress(BODY), 3)], True),
    ("deflate unasked", [STREAM + b"Content-Encoding: deflate\r\n\r\n", chunked(zlib.compress(BODY), 9)],
     True),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "kept"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
async def test_stream_is_delivered_and_metered_in_any_framing(
    tmp_path: Path, wire: list[bytes], kept: bool
) -> None:
    script = answering(*wire) if kept else once(*wire)
    async with relaying(tmp_path, script) as (provider, relay):
        for _ in range(2):
            answer = await relay.post(CHAT, ASK)
            assert (answer.status, answer.body) == (200, BODY)
            assert {"Content-Encoding", "X-Trailer"}.isdisjoint(answer.headers)
            record = relay.record_of(answer)
            assert (record.prompt_tokens, record.completion_tokens, record.usage_source) == (
                10,
                4,
                "provider",
            )
        assert provider.connections == (1 if kept else 2)


async def test_expect_header_is_answered_and_not_forwarded(tmp_path: Path) -> None:
    async with relaying(tmp_path, answering(WHOLE)) as (provider, relay):
        headers = relay.headers(CHAT)
        async with relay.session.post(relay.url + CHAT, json=ASK, headers=headers, expect100=True) as answer:
            assert await answer.read() == BODY
        assert b"expect" not in provider.requests[0].lower()


async def test_request_repeated_on_a_new_connection_is_one_attempt(
    tmp_path: Path,
) -> None:
    async def first(peer: Peer) -> None:
        await peer.request()
        await peer.say(WHOLE)
        await peer.head()

    async with relaying(tmp_path, first, answering(WHOLE)) as (provider, relay):
        for _ in range(2):
            answer = await relay.post(CHAT, ASK)
            record = relay.record_of(answer)
            assert (record.status, record.total_tokens, len(record.attempts)) == (200, 14, 1)
        assert provider.connections == 2
        assert len(relay.records()) == len(relay.intents()) == 2


async def test_early_upstream_error_reaches_the_client(tmp_path: Path) -> None:
    refusal = b'{"error":{"type":"request_too_large","message":"too large"}}'

    async def refuses(peer: Peer) -> None:
        await peer.head()
        await peer.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n" % len(refusal) + refusal)
        await peer.until_gone()

    async with relaying(tmp_path, refuses) as (_, relay):
        large = io.BytesIO(json.dumps(ASK | {"messages": ["x" * 20_000_000]}).encode())
        url, headers = relay.url + CHAT, relay.headers(CHAT)
        async with relay.session.post(url, data=large, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (413, refusal)
        (record,) = relay.records()
        assert (record.status, record.cost_usd, record.usage_source) == (413, Decimal(0), "none")


async def test_unsupported_encoding_is_one_sentence(tmp_path: Path) -> None:
    wire = HEAD + SSE + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"
    async with relaying(tmp_path, answering(wire)) as (_, relay):
        answer = await relay.post(CHAT, ASK)
        said = (
            "the upstream 'openai' broke off its answer: it is compressed in a way that Relay did not ask for"
        )
        assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_broken")
        assert answer.json()["error"]["message"].startswith(said)
        assert relay.record_of(answer).status == 502


async def test_slow_client_slows_the_upstream_and_gets_every_byte(tmp_path: Path) -> None:
    event = events({"choices": [{"delta": {"content": "x" * 50_000}}]}, done=False)
    sent = 0

    async def floods(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(STREAM + b"\r\n")
        for _ in range(600):
            await peer.say(chunked(event, len(event)).removesuffix(b"0\r\nX-Trailer: 1\r\n\r\n"))
            sent += 1
        await peer.say(chunked(BODY, 1000))
        await peer.until_gone()

    async with relaying(tmp_path, floods) as (_, relay), relay.open(CHAT, ASK) as answer:
        await asyncio.sleep(0.5)
        assert sent < 600
        assert await answer.read() == event * 600 + BODY
