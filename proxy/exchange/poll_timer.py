"""Looks, now and then, at everything that goes on for long: one timer does for thousands of streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

POLL_SECONDS: Final = 1.0


class PollTimer:
    """What one event loop has to look at; a timer for each would take a kilobyte and more time."""

    def __init__(self) -> None:
        self._looks: set[Callable[[], None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, look: Callable[[], None]) -> None:
        """Has `look` called now, and then every `POLL_SECONDS` until its `end`."""
        self._looks.add(look)
        if self._timer is None:
            self._again()
        look()

    def end(self, look: Callable[[], None]) -> None:
        """Has `look` called no more."""
        self._looks.discard(look)

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(POLL_SECONDS, self._look)

    def _look(self) -> None:
        if not self._looks:
            self._timer = None
            return
        self._again()
        for look in tuple(self._looks):
            look()
