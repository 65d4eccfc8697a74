"""What is sent in one round of the event loop leaves together, at its end.

To send is to wake who waits for it, often on another core, and the kernel does that on the sender's time.
One right after the other the sends find the receiver awake: with 64 clients a request takes a tenth less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class WriteBatch:
    """What one event loop has to send. While rounds have one thing to send each, nothing waits."""

    def __init__(self) -> None:
        self._sent = 0  # in this round, or waiting to be
        self._crowded = False
        self._waiting: list[tuple[Callable[[bytes], None], bytes]] = []
        self._turns: list[asyncio.Future[None]] = []

    def put(self, write: Callable[[bytes], None], data: bytes) -> None:
        """Has `write` called with the data, before the event loop next waits for anything."""
        self._count()
        if self._crowded:
            self._waiting.append((write, data))
        else:
            write(data)

    def turn(self) -> asyncio.Future[None] | None:
        """When those who send by themselves may, one after the other; None: at once."""
        self._count()
        if not self._crowded:
            return None
        self._turns.append(turn := asyncio.get_running_loop().create_future())
        return turn

    def _count(self) -> None:
        if not self._sent:
            asyncio.get_running_loop().call_soon(self._end_round)
        self._sent += 1

    def _end_round(self) -> None:
        self._crowded, self._sent = self._sent > 1, 0
        ready, self._waiting = self._waiting, []
        turns, self._turns = self._turns, []
        for write, data in ready:
            write(data)
        for turn in turns:
            if not turn.done():  # who waited may have been cancelled
                turn.set_result(None)
