"""Large requests and answers, early answers, and slow upstreams."""

from __future__ import annotations

import asyncio

from proxy.upstream.connection import HIGH_WATER, WRITE_BYTES
from tests.support.wire import CHUNKED, HEAD, OK, SLOW, Peer, answering, asking, becomes, on_every_loop

BIG = bytes(range(256)) * 40_000


@on_every_loop
async def test_early_error_status_ends_the_sending() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"

    async def refuses(peer: Peer) -> None:
        await peer.head()
        await peer.say(refusal)
        await peer.until_gone()

    async with asking(refuses) as (wire, up):
        async with up.send(body=BIG) as answer:
            assert answer.status == 413
            assert answer._connection._unsent is None
            assert await up.whole(answer) == b"no"
        await becomes(lambda: wire.open == 0)


@on_every_loop
async def test_connection_with_an_unfinished_request_is_not_kept() -> None:
    drained = asyncio.Event()

    async def refuses(peer: Peer) -> None:
        await peer.head()
        await peer.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nn")
        rest = asyncio.create_task(peer.until_gone())  # reads what was on its way
        await drained.wait()
        await peer.say(b"o")
        await rest

    async with asking(refuses, answering(OK)) as (wire, up):
        async with up.send(body=BIG) as answer:
            transport = answer._connection._transport
            await becomes(lambda: transport.get_write_buffer_size() == 0)
            drained.set()
            assert await up.whole(answer) == b"no"
        assert await up.ask() == (200, b"hi")
        assert wire.connections == 2


@on_every_loop
async def test_connection_is_not_kept_when_the_answer_ends_first() -> None:
    over = asyncio.Event()

    async def early(peer: Peer) -> None:
        await peer.head()
        await peer.say(OK)
        await over.wait()

    async with asking(early, answering(OK)) as (wire, up):
        assert await up.ask(body=BIG) == (200, b"hi")
        assert await up.ask() == (200, b"hi")
        assert wire.connections == 2
        over.set()


@on_every_loop
async def test_early_answer_below_400_does_not_stop_the_request() -> None:
    go_on = asyncio.Event()

    async def early(peer: Peer) -> None:
        head = await peer.head()
        await peer.say(CHUNKED + b"1\r\nh\r\n")
        await go_on.wait()
        assert head.endswith(b"Content-Length: %d\r\n\r\n" % len(BIG))
        peer.wire.requests.append(await peer.reader.readexactly(len(BIG)))
        await peer.say(b"1\r\ni\r\n0\r\n\r\n")
        await peer.until_gone()

    async with asking(early) as (wire, up):
        async with up.send(body=BIG) as answer:
            connection = answer._connection
            assert connection._unsent is not None
            assert connection._transport.get_write_buffer_size() <= 2 * WRITE_BYTES
            go_on.set()
            assert await up.whole(answer) == b"hi"
        assert wire.requests == [BIG]
        await up.client.close()
        await becomes(lambda: wire.open == 0)


@on_every_loop
async def test_large_request_arrives_and_its_connection_is_kept() -> None:
    async with asking(answering(OK)) as (wire, up):
        for _ in range(2):
            assert await up.ask(body=BIG) == (200, b"hi")
        assert wire.connections == 1
        assert [request.partition(b"\r\n\r\n")[2] == BIG for request in wire.requests] == [True, True]


@on_every_loop
async def test_unread_answer_is_not_buffered() -> None:
    sent = 0

    async def floods(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(HEAD + b"Content-Length: %d\r\n\r\n" % (8 * len(BIG)))
        for _ in range(8):
            await peer.say(BIG)
            sent += 1
        await peer.until_gone()

    async with asking(floods, idle=0.2) as (_, up), up.send() as answer:
        message = answer._message
        await becomes(lambda: message.size > HIGH_WATER)
        await asyncio.sleep(0.3)  # the one who reads may be slower than the upstream may be
        assert message.size <= HIGH_WATER + 2**18
        assert sent < 8
        assert await up.whole(answer) == BIG * 8


async def trickles(peer: Peer) -> None:
    """Says something all the time, and never enough."""
    await peer.request()
    for byte in HEAD + b"X: " + b"y" * 1000:
        await peer.say(bytes([byte]))
        await asyncio.sleep(0.01)


async def falls_silent(peer: Peer) -> None:
    """Answers a first request, and stops in the middle of the next."""
    await peer.request()
    await peer.say(OK)
    await peer.request()
    await peer.say(CHUNKED + b"2\r\nhi\r\n")
    await peer.until_gone()


@on_every_loop
async def test_head_that_does_not_end_in_time_is_504() -> None:
    async with asking(trickles, first_byte=0.5) as (wire, up):
        assert await up.fault("more than 0.5 s to answer") == SLOW
        await becomes(lambda: wire.open == 0)


@on_every_loop
async def test_idle_timeout_is_that_of_the_current_request() -> None:
    async with asking(falls_silent, idle=0.2) as (wire, up):
        await up.ask()
        assert await up.fault("more than 0.2 s between two chunks") == SLOW
        await becomes(lambda: wire.open == 0)


@on_every_loop
async def test_stream_may_last_longer_than_the_idle_timeout() -> None:
    async def paced(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        for _ in range(11):
            await asyncio.sleep(0.1)
            await peer.say(b"1\r\nx\r\n")
        await peer.say(b"0\r\n\r\n")

    async with asking(paced, first_byte=1, idle=1) as (_, up):
        assert await up.ask() == (200, b"x" * 11)
