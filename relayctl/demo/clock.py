"""The demo's clock: simulates a week during the burst of traffic, then shows the real time.

It only sets the time that the proxy records; every request still goes through the proxy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """A `now()` that is set forward for each request and runs in real time between them. Never goes back."""

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
        self._set_seconds = self._monotonic()

    def __call__(self) -> datetime:
        """The simulated time, aware, in UTC."""
        return self._moment + timedelta(seconds=self._monotonic() - self._set_seconds)

    def advance(self, moment: datetime) -> None:
        """Sets the clock forward to this time; ignores a time in the past."""
        self._set(max(moment, self()))

    def end(self) -> None:
        """Ends the simulation: shows the real time from now on."""
        self.advance(self._real())
