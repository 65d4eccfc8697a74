"""A body pushed chunk by chunk as it arrives, without waking a task in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from proxy.upstream.client import UpstreamFault, push_chunks
from tests.support.wire import (
    BROKEN,
    CHUNKED,
    OK,
    SLOW,
    Asking,
    Peer,
    answering,
    asking,
    becomes,
    on_every_loop,
    once,
)

ONE, TWO, END = b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"


def noting(taken: list[bytes], *, more: bool = True) -> Callable[[bytes], bool]:
    """Notes each part, and whether it wants the next at once."""

    def take(part: bytes) -> bool:
        taken.append(part)
        return more

    return take


async def pushed(up: Asking, taken: list[bytes]) -> tuple[int, str, bool]:
    """The status and code of the fault of a broken body."""
    async with up.send() as answer:
        with pytest.raises(UpstreamFault) as raised:
            await push_chunks(up.upstream, answer, noting(taken))
    return raised.value.status, raised.value.code, raised.value.sent


@on_every_loop
async def test_chunks_are_pushed_and_the_connection_is_kept() -> None:
    taken: list[bytes] = []

    async def slowly(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + ONE)
        await becomes(lambda: taken == [b"one"])
        await peer.say(TWO)
        await becomes(lambda: taken == [b"one", b"two"])
        await peer.say(END)
        await answering(OK)(peer)

    async with asking(slowly) as (wire, up):
        async with up.send() as answer:
            assert await push_chunks(up.upstream, answer, noting(taken))
        assert await up.ask() == (200, b"hi")
        assert wire.connections == 1


@on_every_loop
async def test_consumer_that_stops_gets_the_rest_from_the_next_push() -> None:
    taken: list[bytes] = []

    async def steadily(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        for _ in range(20):
            await peer.say(ONE)
            await asyncio.sleep(0.001)
        await peer.say(TWO + END)

    async with asking(steadily) as (_, up), up.send() as answer:
        refusals = 0
        while not await push_chunks(up.upstream, answer, noting(taken, more=False)):
            refusals += 1
        assert refusals == len(taken)
        assert b"".join(taken) == b"one" * 20 + b"two"


@on_every_loop
async def test_error_of_the_consumer_is_raised_by_push() -> None:
    def fails(_: bytes) -> bool:
        raise ValueError("no fault of the upstream")

    async def later(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        await asyncio.sleep(0.01)
        await peer.say(ONE)
        await peer.until_gone()

    async with asking(later) as (_, up):
        with pytest.raises(ValueError, match="no fault of the upstream"):
            async with up.send() as answer:
                await push_chunks(up.upstream, answer, fails)


@on_every_loop
async def test_broken_or_stalled_body_is_pushed_as_far_as_it_came() -> None:
    async def stalls(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + ONE)
        await peer.until_gone()

    for script, result in (
        (once(CHUNKED + ONE), BROKEN),
        (once(CHUNKED + ONE + b"no"), BROKEN),
        (stalls, SLOW),
    ):
        taken: list[bytes] = []
        async with asking(script, idle=0.2) as (_, up):
            assert await pushed(up, taken) == result
        assert taken == [b"one"]
