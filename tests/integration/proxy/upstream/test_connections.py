"""Connections to an upstream: reuse, closing, and which requests are sent again."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from proxy.upstream import connection as upstream_connection
from proxy.upstream import pool as upstream_pool
from proxy.upstream.client import UpstreamFault, read_chunks
from proxy.upstream.connection import Connection, StaleError
from proxy.upstream.request import prepare_request
from proxy.upstream.write_batching import WriteBatch
from tests.support.wire import (
    BROKEN,
    CHUNKED,
    HEAD,
    OK,
    Asking,
    Peer,
    answering,
    asking,
    becomes,
    on_every_loop,
    once,
)


async def answers_then_hangs_up_on_the_next(peer: Peer) -> None:
    """As when the upstream gives up an idle connection while a request is on its way to it."""
    await peer.request()
    await peer.say(OK)
    await peer.head()


@on_every_loop
async def test_request_on_a_stale_connection_is_sent_over_a_new_one() -> None:
    async with asking(answers_then_hangs_up_on_the_next, answering(OK)) as (wire, up):
        assert [await up.ask() for _ in range(3)] == [(200, b"hi")] * 3
        assert wire.connections == 2
        assert len(wire.requests) == 3


@on_every_loop
async def test_request_is_not_repeated_when_its_connection_lived_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upstream_connection, "STALE_SECONDS", -1.0)  # any time is too long
    async with asking(answers_then_hangs_up_on_the_next, answering(OK)) as (wire, up):
        await up.ask()
        assert await up.fault() == BROKEN
        assert wire.connections == 1


@on_every_loop
async def test_request_is_not_repeated_after_the_first_byte_of_an_answer() -> None:
    async def script(peer: Peer) -> None:
        await answers_then_hangs_up_on_the_next(peer)
        await peer.say(b"H")

    async with asking(script, answering(OK)) as (wire, up):
        await up.ask()
        assert await up.fault() == BROKEN
        assert wire.connections == 1


@on_every_loop
async def test_idle_connection_with_unexpected_input_is_not_reused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upstream_pool, "KEEP_SECONDS", 600.0)

    async def talks(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await asyncio.sleep(0.01)
        await peer.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await peer.until_gone()

    async with asking(once(OK), talks, answering(OK)) as (wire, up):
        for connections in (1, 2, 3):
            assert await up.ask() == (200, b"hi")
            assert wire.connections == connections
            await becomes(lambda: wire.open == 0 or wire.connections == 3)


@on_every_loop
async def test_idle_connections_are_closed_after_keep_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_pool, "KEEP_SECONDS", 0.02)
    monkeypatch.setattr(upstream_pool, "SWEEP_SECONDS", 0.01)
    async with asking(answering(OK)) as (wire, up):
        await up.ask()
        assert wire.open == 1
        ((connection,),) = up.client._pool._idle.values()
        await becomes(lambda: wire.open == 0)
        timer = connection._wait._timer
        assert timer is not None
        await becomes(timer.cancelled)
        assert await up.ask() == (200, b"hi")


@on_every_loop
async def test_closing_the_client_closes_idle_and_released_connections() -> None:
    async with asking(answering(OK)) as (wire, up):
        async with up.send() as answer:
            await up.ask()
            assert wire.open == 2
            await up.client.close()
            await becomes(lambda: wire.open == 1)
            assert await up.whole(answer) == b"hi"
        await becomes(lambda: wire.open == 0)


@on_every_loop
async def test_concurrent_requests_get_their_own_answers() -> None:
    async def echo(peer: Peer) -> None:
        while True:
            body = (await peer.request()).partition(b"\r\n\r\n")[2]
            await peer.say(HEAD + b"Content-Length: %d\r\n\r\n" % len(body), body[:1], body[1:])

    async def many(number: int, up: Asking) -> None:
        for turn in range(8):
            body = b"%d.%d " % (number, turn) * (1 + (number * turn) ** 2)
            assert await up.ask(body=body) == (200, body)

    async with asking(echo) as (wire, up):
        await asyncio.gather(*(many(number, up) for number in range(40)))
        assert wire.connections <= 40


@on_every_loop
async def test_answer_that_is_not_read_to_its_end_closes_the_connection() -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + b"2\r\nhi\r\n")
        await peer.until_gone()

    async def silent(peer: Peer) -> None:
        await peer.request()
        await peer.until_gone()

    async with asking(endless, endless, silent) as (wire, up):
        async with up.send() as answer:
            assert await anext(read_chunks(up.upstream, answer)) == b"hi"
        await becomes(lambda: wire.open == 0)
        for number in (2, 3):  # cancelled between two chunks, and before the head
            task = asyncio.create_task(up.ask())
            await becomes(lambda number=number: len(wire.requests) == number)  # type: ignore[misc]
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await becomes(lambda: wire.open == 0)


@on_every_loop
async def test_first_address_that_answers_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(answering(OK)) as (_, up):
        loop = asyncio.get_running_loop()
        found = loop.getaddrinfo

        async def both(host: str, port: int, **more: Any) -> list[Any]:  # uvloop asks too, for itself
            right = await found(host, port, **more)
            return (
                [(*right[0][:4], ("127.0.0.1", 1)), *right] if "type" in more else right
            )  # uvloop looks up too

        monkeypatch.setattr(loop, "getaddrinfo", both)
        assert await up.ask() == (200, b"hi")


@on_every_loop
async def test_answer_cannot_be_read_when_its_connection_is_reused() -> None:
    async def two(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")
        await peer.request()
        await peer.say(HEAD + b"Content-Length: 6\r\n\r\nsecret")
        await peer.until_gone()

    async with asking(two) as (wire, up):
        async with up.send() as first:
            pass
        async with up.send() as second:
            assert wire.connections == 1
            assert await up.whole(first) == b"hi"
            assert await up.whole(second) == b"secret"


@on_every_loop
async def test_answer_cannot_be_read_after_its_connection_is_released() -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        await peer.until_gone()

    async with asking(endless) as (_, up):
        async with up.send() as answer:
            pass
        with pytest.raises(UpstreamFault, match="was released"):
            await up.whole(answer)


@on_every_loop
async def test_closed_idle_connections_are_skipped() -> None:
    async with asking(answering(OK)) as (wire, up):
        await asyncio.gather(up.ask(), up.ask())
        ((_, last),) = up.client._pool._idle.values()
        last.abort()
        for _ in range(2):
            assert await up.ask() == (200, b"hi")
        assert wire.connections == 2


@on_every_loop
async def test_closing_connection_is_not_written_to() -> None:
    async with asking(answering(OK)) as (wire, up):
        await up.ask()
        ((connection,),) = up.client._pool._idle.values()
        connection._transport.abort()  # as when a read of the socket has just failed
        assert await up.ask() == (200, b"hi")
        assert wire.connections == 2


@on_every_loop
async def test_connection_closed_before_its_first_request_is_stale() -> None:
    connection = Connection(asyncio.get_running_loop(), WriteBatch())
    with pytest.raises(StaleError):
        await connection.ask(prepare_request("POST", "http://h/", {}, b""), until=math.inf)
