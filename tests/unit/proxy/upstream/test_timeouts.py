"""Waits with a deadline: one timer for many waits, and no deadline missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from proxy.upstream.timeouts import Wait


async def test_waits_that_end_in_time_share_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    wait, call_at, timers = Wait(loop), loop.call_at, []

    def counted(when: float, callback: Callable[..., Any], *more: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, callback, *more)

    monkeypatch.setattr(loop, "call_at", counted)
    start = loop.time()
    for number in range(100):
        loop.call_soon(wait.wake)
        await wait.until(start + 600 + number)
    assert timers == [start + 600]
    loop.call_soon(wait.wake)
    await wait.until(start + 500)
    assert timers == [start + 600, start + 500]
    wait.close()


async def test_later_deadline_is_kept_by_an_earlier_timer() -> None:
    loop = asyncio.get_running_loop()
    wait, start = Wait(loop), loop.time()
    loop.call_soon(wait.wake)
    await wait.until(start + 0.01)
    for deadline in (start + 0.05, start + 0.06):
        with pytest.raises(TimeoutError):
            await wait.until(deadline)
        assert loop.time() >= deadline


async def test_timer_that_fires_without_a_wait_does_nothing() -> None:
    loop = asyncio.get_running_loop()
    wait, start = Wait(loop), loop.time()
    loop.call_soon(wait.wake)
    await wait.until(start + 0.01)
    await asyncio.sleep(0.03)
    wait.wake()  # nobody waits: it is not remembered
    with pytest.raises(TimeoutError):
        await wait.until(start + 0.05)


async def test_cancelled_wait_leaves_the_next_one_intact() -> None:
    loop = asyncio.get_running_loop()
    wait = Wait(loop)
    task = asyncio.create_task(wait.until(loop.time() + 600))
    await asyncio.sleep(0)
    task.cancel()
    wait.wake()
    with pytest.raises(asyncio.CancelledError):
        await task
    loop.call_soon(wait.wake)
    await wait.until(loop.time() + 600)
    wait.close()


async def test_wait_lasts_until_its_postponed_deadline() -> None:
    loop = asyncio.get_running_loop()
    wait, start = Wait(loop), loop.time()
    loop.call_soon(setattr, wait, "deadline", start + 0.05)
    with pytest.raises(TimeoutError):
        await wait.until(start + 0.01)
    assert loop.time() >= start + 0.05


async def test_wait_raises_the_error_of_fail() -> None:
    loop = asyncio.get_running_loop()
    wait = Wait(loop)
    loop.call_soon(wait.fail, ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await wait.until(loop.time() + 60)
    wait.close()
