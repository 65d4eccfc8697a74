"""What is sent together: one thing alone is never held, and of many nothing is lost."""

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


async def crowded(outbox: WriteBatch, wire: Wire) -> None:
    """A round with two things to send, after which sends wait for each other."""
    for whose in ("a", "b"):
        outbox.put(partial(wire.write, whose), b"0")
    await asyncio.sleep(0)


async def test_what_is_alone_is_sent_at_once() -> None:
    outbox, wire = WriteBatch(), Wire()
    for number in (b"1", b"2", b"3"):
        outbox.put(partial(wire.write, "a"), number)
        assert wire.sent[-1] == ("a", number)
        await asyncio.sleep(0)
        assert outbox.turn() is None
        await asyncio.sleep(0)


async def test_what_many_send_in_a_round_leaves_at_its_end_in_their_order() -> None:
    outbox, wire = WriteBatch(), Wire()
    await crowded(outbox, wire)
    for whose in ("a", "b", "c"):
        outbox.put(partial(wire.write, whose), b"1")
    assert len(wire.sent) == 2
    await asyncio.sleep(0)
    assert wire.sent[2:] == [("a", b"1"), ("b", b"1"), ("c", b"1")]


async def test_those_who_take_turns_go_on_in_one_round_and_a_cancelled_one_holds_nobody() -> None:
    outbox, wire = WriteBatch(), Wire()
    await crowded(outbox, wire)

    async def send(whose: str) -> None:
        if (turn := outbox.turn()) is not None:
            await turn
        wire.write(whose, b"2")

    tasks = [asyncio.create_task(send(whose)) for whose in ("a", "b", "c")]
    await asyncio.sleep(0)
    assert len(wire.sent) == 2
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert wire.sent[2:] == [("a", b"2"), ("c", b"2")]


async def test_after_a_quiet_round_nothing_waits_any_more() -> None:
    outbox, wire = WriteBatch(), Wire()
    await crowded(outbox, wire)
    outbox.put(partial(wire.write, "a"), b"1")
    await asyncio.sleep(0)
    assert wire.sent[-1] == ("a", b"1")
    outbox.put(partial(wire.write, "a"), b"2")
    assert wire.sent[-1] == ("a", b"2")
