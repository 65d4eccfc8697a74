"""A body handed on piece by piece as it arrives, with nobody waking between the pieces."""

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
    """Notes each piece, and whether it wants the next at once."""

    def take(piece: bytes) -> bool:
        taken.append(piece)
        return more

    return take


async def handed(up: Asking, taken: list[bytes]) -> tuple[int, str, bool]:
    """What is told of a body that breaks off."""
    async with up.send() as answer:
        with pytest.raises(UpstreamFault) as raised:
            await push_chunks(up.upstream, answer, noting(taken))
    return raised.value.status, raised.value.code, raised.value.sent


@on_every_loop
async def test_pieces_are_taken_as_they_come_and_the_connection_is_kept() -> None:
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
async def test_who_takes_no_more_at_once_gets_the_rest_when_he_asks_again() -> None:
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
async def test_what_fails_in_taking_a_piece_is_the_one_s_who_asked() -> None:
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
async def test_a_body_that_breaks_off_or_stalls_is_told_with_what_came_before_it_taken() -> None:
    async def stalls(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + ONE)
        await peer.until_gone()

    for script, told in (
        (once(CHUNKED + ONE), BROKEN),
        (once(CHUNKED + ONE + b"no"), BROKEN),
        (stalls, SLOW),
    ):
        taken: list[bytes] = []
        async with asking(script, idle=0.2) as (_, up):
            assert await handed(up, taken) == told
        assert taken == [b"one"]
