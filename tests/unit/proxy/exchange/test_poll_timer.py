"""One timer polls all callbacks: when they are added, then periodically until they are removed."""

from __future__ import annotations

import asyncio

import pytest

from proxy.exchange import poll_timer
from proxy.exchange.poll_timer import PollTimer


@pytest.fixture(autouse=True)
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll_timer, "POLL_SECONDS", 0.005)


class Polled:
    """A callback that counts its calls."""

    def __init__(self) -> None:
        self.times = 0
        self.thrice = asyncio.Event()

    def poll(self) -> None:
        self.times += 1
        if self.times == 3:
            self.thrice.set()


async def test_callback_is_called_at_once_and_until_removed() -> None:
    timer, stays, goes = PollTimer(), Polled(), Polled()
    timer.add(stays.poll)
    timer.add(goes.poll)
    assert (stays.times, goes.times) == (1, 1)
    timer.remove(goes.poll)
    await asyncio.wait_for(stays.thrice.wait(), 5)
    assert goes.times == 1


async def test_callback_added_after_all_were_removed_is_called() -> None:
    timer, first, second = PollTimer(), Polled(), Polled()
    timer.add(first.poll)
    timer.remove(first.poll)
    await asyncio.sleep(0.02)  # the timer has stopped
    timer.add(second.poll)
    await asyncio.wait_for(second.thrice.wait(), 5)
    assert first.times == 1


async def test_callback_that_removes_itself_leaves_the_others() -> None:
    timer, other = PollTimer(), Polled()

    def once() -> None:
        timer.remove(once)

    timer.add(once)
    timer.add(other.poll)
    await asyncio.wait_for(other.thrice.wait(), 5)
