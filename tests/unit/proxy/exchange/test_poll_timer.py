"""One timer looks at all that goes on: at once, then again and again, until it ends."""

from __future__ import annotations

import asyncio

import pytest

from proxy.exchange import poll_timer as watch
from proxy.exchange.poll_timer import PollTimer


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.005)


class Seen:
    """What is looked at; it says how often, and when it was looked at three times."""

    def __init__(self) -> None:
        self.times = 0
        self.thrice = asyncio.Event()

    def look(self) -> None:
        self.times += 1
        if self.times == 3:
            self.thrice.set()


async def test_each_is_looked_at_at_once_and_then_until_its_end() -> None:
    watching, stays, goes = PollTimer(), Seen(), Seen()
    watching.begin(stays.look)
    watching.begin(goes.look)
    assert (stays.times, goes.times) == (1, 1)
    watching.end(goes.look)
    await asyncio.wait_for(stays.thrice.wait(), 5)
    assert goes.times == 1


async def test_what_begins_after_everything_has_ended_is_looked_at_too() -> None:
    watching, first, second = PollTimer(), Seen(), Seen()
    watching.begin(first.look)
    watching.end(first.look)
    await asyncio.sleep(0.02)  # the timer has found nothing to look at
    watching.begin(second.look)
    await asyncio.wait_for(second.thrice.wait(), 5)
    assert first.times == 1


async def test_one_that_ends_itself_as_it_is_looked_at_leaves_the_others_in_view() -> None:
    watching, other = PollTimer(), Seen()

    def once() -> None:
        watching.end(once)

    watching.begin(once)
    watching.begin(other.look)
    await asyncio.wait_for(other.thrice.wait(), 5)
