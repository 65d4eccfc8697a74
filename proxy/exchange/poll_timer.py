"""One shared timer polls all long-running requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

POLL_SECONDS: Final = 1.0


class PollTimer:
    """Calls callbacks periodically. One timer per request would take 1 KiB each, and more time."""

    def __init__(self) -> None:
        self._callbacks: set[Callable[[], None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, callback: Callable[[], None]) -> None:
        """Calls `callback` now, and then every `POLL_SECONDS` until it is removed."""
        self._callbacks.add(callback)
        if self._timer is None:
            self._schedule()
        callback()

    def remove(self, callback: Callable[[], None]) -> None:
        """Stops calling `callback`."""
        self._callbacks.discard(callback)

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        if not self._callbacks:
            self._timer = None
            return
        self._schedule()
        for callback in tuple(self._callbacks):
            callback()
