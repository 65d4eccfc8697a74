"""Waiting for what an upstream does next, up to a deadline, without a timer for each wait.

A stream waits for thousands of pieces that come in time; a timer for each would cost more than to read them.
So one timer stays as it is while deadlines move on, and looks, when it fires, whether there is one to keep.
"""

from __future__ import annotations

import asyncio
import math


class Wait:
    """The waiting of one task at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self.deadline = 0.0
        """When the wait that goes on ends, in the event loop's time; it may only be put off."""

        self._timer: asyncio.TimerHandle | None = None
        self._fires = math.inf

    async def until(self, deadline: float) -> None:
        """Returns at the next `wake`. Raises `TimeoutError` at the deadline, in the event loop's time."""
        self.deadline = deadline
        if deadline < self._fires:
            self._arm()
        self._future = self._loop.create_future()
        try:
            await self._future
        finally:
            self._future = None

    def wake(self) -> None:
        """Something has happened."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def fail(self, error: Exception) -> None:
        """What is waited for has failed in this way."""
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)

    def close(self) -> None:
        """Gives the timer back; nothing is waited for from now on."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self.deadline, self._look)
        self._fires = self.deadline

    def _look(self) -> None:
        self._timer, self._fires = None, math.inf
        if self._future is None or self._future.done():
            return
        if self._loop.time() < self.deadline:
            self._arm()
        else:
            self._future.set_exception(TimeoutError())
