"""Batched writes: a single write is never deferred, several are sent in order."""

from __future__ import annotations

import asyncio
from functools import partial

from proxy.upstream.write_batching import WriteBatch


class Wire:
    """Where everything goes."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def write(self, whose: str, data: bytes) -> None:
        """Takes what a connection sends."""
        self.sent.append((whose, data))


async def crowded(batch: WriteBatch, wire: Wire) -> None:
    """A round with two things to send, after which sends wait for each other."""
    for whose in ("a", "b"):
        batch.put(partial(wire.write, whose), b"0")
    await asyncio.sleep(0)


async def test_single_write_is_sent_immediately() -> None:
    batch, wire = WriteBatch(), Wire()
    for number in (b"1", b"2", b"3"):
        batch.put(partial(wire.write, "a"), number)
        assert wire.sent[-1] == ("a", number)
        await asyncio.sleep(0)
        assert batch.turn() is None
        await asyncio.sleep(0)


async def test_several_writes_leave_in_order_at_the_end_of_the_iteration() -> None:
    batch, wire = WriteBatch(), Wire()
    await crowded(batch, wire)
    for whose in ("a", "b", "c"):
        batch.put(partial(wire.write, whose), b"1")
    assert len(wire.sent) == 2
    await asyncio.sleep(0)
    assert wire.sent[2:] == [("a", b"1"), ("b", b"1"), ("c", b"1")]


async def test_turns_are_given_together_and_a_cancelled_one_blocks_none() -> None:
    batch, wire = WriteBatch(), Wire()
    await crowded(batch, wire)

    async def send(whose: str) -> None:
        if (turn := batch.turn()) is not None:
            await turn
        wire.write(whose, b"2")

    tasks = [asyncio.create_task(send(whose)) for whose in ("a", "b", "c")]
    await asyncio.sleep(0)
    assert len(wire.sent) == 2
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert wire.sent[2:] == [("a", b"2"), ("c", b"2")]


async def test_writes_are_immediate_after_a_quiet_iteration() -> None:
    batch, wire = WriteBatch(), Wire()
    await crowded(batch, wire)
    batch.put(partial(wire.write, "a"), b"1")
    await asyncio.sleep(0)
    assert wire.sent[-1] == ("a", b"1")
    batch.put(partial(wire.write, "a"), b"2")
    assert wire.sent[-1] == ("a", b"2")
