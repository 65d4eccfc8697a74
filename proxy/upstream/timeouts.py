"""Waits with a deadline that share one timer.

A stream waits for thousands of chunks that arrive in time; a timer for each would cost more than reading
them. So the timer stays in place while the deadline moves, and is set again when it fires early.
"""

from __future__ import annotations

import asyncio
import math


class Wait:
    """Waits of one task, one at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self.deadline = 0.0
        """The deadline of the current wait, in the event loop's time; it may only be moved later."""

        self._timer: asyncio.TimerHandle | None = None
        self._fires = math.inf

    async def until(self, deadline: float) -> None:
        """Waits for the next `wake`. Raises `TimeoutError` at the deadline, in the event loop's time."""
        self.deadline = deadline
        if deadline < self._fires:
            self._arm()
        self._future = self._loop.create_future()
        try:
            await self._future
        finally:
            self._future = None

    def wake(self) -> None:
        """Ends the current wait."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def fail(self, error: Exception) -> None:
        """Ends the current wait with an error."""
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)

    def close(self) -> None:
        """Cancels the timer; there must be no further wait."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self.deadline, self._on_timer)
        self._fires = self.deadline

    def _on_timer(self) -> None:
        self._timer, self._fires = None, math.inf
        if self._future is None or self._future.done():
            return
        if self._loop.time() < self.deadline:
            self._arm()
        else:
            self._future.set_exception(TimeoutError())
