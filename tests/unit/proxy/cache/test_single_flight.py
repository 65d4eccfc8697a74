"""Single flight: followers get the whole answer, whenever they join."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.single_flight import BrokenFlightError, SingleFlight


async def chunks_of(*chunks: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk
    if fault:
        raise fault


async def followed(flight: SingleFlight) -> bytes | None:
    if not await flight.join():
        return None
    return b"".join([chunk async for chunk in flight.follow()])


@given(st.lists(st.binary(min_size=1, max_size=5)), st.integers(0, 8))
async def test_follower_gets_the_whole_answer_whenever_it_joins(chunks: list[bytes], late: int) -> None:
    flight = SingleFlight(1000)

    async def follow_later() -> bytes | None:
        for _ in range(late):
            await asyncio.sleep(0)
        return await followed(flight)

    following = asyncio.create_task(follow_later())
    await asyncio.sleep(0)
    flight.begin("text/plain")
    passed = b"".join([chunk async for chunk in flight.share(chunks_of(*chunks))])
    assert await following == passed == flight.body == b"".join(chunks)


async def test_answer_that_is_not_shared_is_not_joined() -> None:
    flight = SingleFlight(1000)
    following = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    flight.end()
    assert await following is None


async def test_abandoned_flight_is_not_joined() -> None:
    flight = SingleFlight(1000)
    waiting = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    assert flight.leader_left()  # a follower waits for the head
    flight.begin("text/plain")
    passed = [_ async for _ in flight.share(chunks_of(b"a"))]
    assert (await waiting, passed) == (b"a", [b"a"])
    assert not flight.leader_left()
    assert await followed(flight) is None


async def test_followers_get_an_error_when_the_answer_breaks_off() -> None:
    flight = SingleFlight(1000)
    flight.begin("text/plain")
    following = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="cut"):
        [_ async for _ in flight.share(chunks_of(b"a", fault=ValueError("cut")))]
    with pytest.raises(BrokenFlightError):
        await following
    assert flight.body is None


async def test_answer_over_the_limit_still_reaches_joined_followers() -> None:
    chunks, flight = [b"12345"] * 5, SingleFlight(9)
    flight.begin("text/plain")
    following = asyncio.create_task(followed(flight))
    await asyncio.sleep(0)
    assert [_ async for _ in flight.share(chunks_of(*chunks))] == chunks
    assert await following == b"12345" * 5
    assert (flight.body, await followed(flight)) == (None, None)
