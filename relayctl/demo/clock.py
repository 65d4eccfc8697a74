"""The demo's clock: a week goes by while the burst of traffic runs, then it shows the real time.

It decides only what time the proxy writes down; every request still goes through the proxy, one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """A `now()` that never goes back: it is set forward from request to request and runs on between them."""

    def __init__(
        self,
        start: datetime,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        real: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("the simulated time needs a time zone")
        self._monotonic = monotonic
        self._real = real
        self._set(start)

    def _set(self, moment: datetime) -> None:
        self._moment = moment.astimezone(UTC)
        self._set_at = self._monotonic()

    def __call__(self) -> datetime:
        """The time to write down, aware, in UTC."""
        return self._moment + timedelta(seconds=self._monotonic() - self._set_at)

    def advance(self, moment: datetime) -> None:
        """Goes forward to this moment; a moment that has gone by changes nothing."""
        self._set(max(moment, self()))

    def end(self) -> None:
        """From here on it shows the real time."""
        self.advance(self._real())
