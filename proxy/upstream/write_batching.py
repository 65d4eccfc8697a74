"""Batches the writes of one event-loop iteration.

A write wakes its receiver, often on another core, in the sender's time. Back-to-back writes find the receiver
awake: with 64 clients a request takes a tenth less CPU time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class WriteBatch:
    """The writes of one event loop. Writes are deferred only after an iteration that had several."""

    def __init__(self) -> None:
        self._sent = 0  # in this iteration, or deferred to its end
        self._batching = False
        self._deferred: list[tuple[Callable[[bytes], None], bytes]] = []
        self._turns: list[asyncio.Future[None]] = []

    def put(self, write: Callable[[bytes], None], data: bytes) -> None:
        """Calls `write` with the data, at the latest before the event loop waits again."""
        self._count()
        if self._batching:
            self._deferred.append((write, data))
        else:
            write(data)

    def turn(self) -> asyncio.Future[None] | None:
        """A future to await before a write of the caller's own; None: write immediately."""
        self._count()
        if not self._batching:
            return None
        self._turns.append(turn := asyncio.get_running_loop().create_future())
        return turn

    def _count(self) -> None:
        if not self._sent:
            asyncio.get_running_loop().call_soon(self._end_iteration)
        self._sent += 1

    def _end_iteration(self) -> None:
        self._batching, self._sent = self._sent > 1, 0
        ready, self._deferred = self._deferred, []
        turns, self._turns = self._turns, []
        for write, data in ready:
            write(data)
        for turn in turns:
            if not turn.done():  # its task may have been cancelled
                turn.set_result(None)
