"""Answers over real connections end, or break, by the rules of HTTP."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from proxy.upstream.client import UpstreamFault, read_chunks
from tests.support.wire import (
    BROKEN,
    CHUNKED,
    HEAD,
    OK,
    Peer,
    Script,
    answering,
    asking,
    becomes,
    on_every_loop,
    once,
)

HALF_GZIP = gzip.compress(b"")[:9]
BIG = bytes(range(256)) * 40_000


# (case, method, what every connection does, status, body, connections that two requests take)
FRAMES: list[tuple[str, str, Script, int, bytes, int]] = [
    ("by length", "POST", answering(OK), 200, b"hi", 1),
    ("of chunks", "POST", answering(CHUNKED + b"1;a=b\r\nh\r\n1\r\ni\r\n0\r\nX: y\r\n\r\n"), 200, b"hi", 1),
    ("of chunks in single bytes", "POST",
     answering(*(bytes([byte]) for byte in CHUNKED + b"2\r\nhi\r\n0\r\nX: y\r\n\r\n")), 200, b"hi", 1),
    ("by the end", "POST", once(HEAD + b"\r\nhi"), 200, b"hi", 2),
    ("by the end, of nothing", "POST", once(HEAD + b"\r\n"), 200, b"", 2),
    ("asking to close", "POST",
     answering(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi"), 200, b"hi", 2),
    ("HTTP/1.0", "POST", answering(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"), 200, b"hi", 2),
    ("HTTP/1.0 by the end", "POST", once(b"HTTP/1.0 200 OK\r\n\r\nhi"), 200, b"hi", 2),
    ("HTTP/1.0 that is kept", "POST",
     answering(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi"), 200, b"hi", 1),
    ("after 100 and 103", "POST",
     answering(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK),
     200, b"hi", 1),
    ("204", "POST", answering(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, b"", 1),
    ("304 with a length", "GET",
     answering(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), 304, b"", 1),
    ("to HEAD", "HEAD", answering(HEAD + b"Content-Length: 9\r\n\r\n"), 200, b"", 2),
    ("with more behind it", "POST", answering(OK + b"HTTP/1.1 500 Oops\r\n"), 200, b"hi", 2),
    ("large", "POST", answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(BIG) + BIG), 200, BIG, 1),
    ("large, until the end", "POST", once(HEAD + b"\r\n" + BIG), 200, BIG, 2),
]  # fmt: skip


@pytest.mark.parametrize("row", FRAMES, ids=[row[0] for row in FRAMES])
@on_every_loop
async def test_answer_is_read_and_its_connection_kept_if_reusable(
    row: tuple[str, str, Script, int, bytes, int],
) -> None:
    _, method, script, status, body, connections = row
    async with asking(script) as (wire, up):
        for _ in range(2):
            assert await up.ask(method) == (status, body)
        assert wire.connections == connections
        assert len(wire.requests) == 2


def cut_short(wire: bytes) -> Script:
    """Breaks off an answer with a reset."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(wire)
        await asyncio.sleep(0.05)  # a reset may overtake what was sent before it
        peer.reset()

    return script


# (case, what the connection does, what the fault says)
BREAKS: list[tuple[str, Script, str]] = [
    ("no answer", once(), "ended before"),
    ("half a head", once(HEAD), "ended before"),
    ("1xx and no more", once(b"HTTP/1.1 100 Continue\r\n\r\n"), "ended before"),
    ("short of its length", once(HEAD + b"Content-Length: 9\r\n\r\nhi"), "ended before"),
    ("short of its last chunk", once(CHUNKED + b"2\r\nhi\r\n"), "ended before"),
    ("short of its trailer", once(CHUNKED + b"2\r\nhi\r\n0\r\n"), "ended before"),
    ("reset before its end", cut_short(HEAD + b"\r\nhi"), "ended before"),
    ("another protocol", answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "Expected HTTP"),
    ("two lengths", answering(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi"), "Content-Length"),
    ("two framings", answering(CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n"), "Content-Length"),
    ("a chunk that is none", answering(CHUNKED + b"2\r\nhi\r\nx"), "chunk"),
    ("a switch of protocols",
     answering(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), "protocol"),
    ("a head without end", answering(HEAD + b"X: y\r\n" * 40_000), "more than 65536 bytes"),
    ("half a gzip",
     once(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + HALF_GZIP), "too early"),
    ("brotli", answering(HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nhi"), "did not ask for"),
]  # fmt: skip


@pytest.mark.parametrize("row", BREAKS, ids=[row[0] for row in BREAKS])
@on_every_loop
async def test_incomplete_answer_is_broken_and_not_repeated(
    row: tuple[str, Script, str],
) -> None:
    _, script, says = row
    async with asking(script) as (wire, up):
        assert await up.fault(f"'up' broke off its answer: .*{says}") == BROKEN
        assert len(wire.requests) == 1
        await becomes(lambda: wire.open == 0)


@on_every_loop
async def test_bytes_before_a_break_are_returned_first() -> None:
    async with asking(once(HEAD + b"Content-Length: 9\r\n\r\nhi")) as (wire, up), up.send() as answer:
        await becomes(lambda: wire.open == 0)
        body = read_chunks(up.upstream, answer)
        assert await anext(body) == b"hi"
        with pytest.raises(UpstreamFault):
            await anext(body)


@on_every_loop
async def test_compressed_answer_is_returned_decoded() -> None:
    packed = gzip.compress(b"hi" * 1000)
    head = HEAD + b"Content-Type: Text/Event-Stream; charset=utf-8\r\nContent-Encoding: GZIP\r\n"
    async with asking(answering(head + b"Content-Length: %d\r\n\r\n" % len(packed), packed)) as (wire, up):
        for _ in range(2):
            async with up.send() as answer:
                assert (answer.content_type, answer.content_length) == ("text/event-stream", None)
                assert "content-encoding" not in answer.headers
                assert await up.whole(answer) == b"hi" * 1000
        assert wire.connections == 1


@on_every_loop
async def test_answer_to_head_has_the_headers_of_a_get() -> None:
    wire_head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
    async with asking(answering(wire_head)) as (_, up), up.send("HEAD") as answer:
        assert (answer.content_length, answer.headers["Content-Encoding"]) == (9, "gzip")
        assert await up.whole(answer) == b""
