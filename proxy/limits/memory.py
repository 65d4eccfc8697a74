"""Limits in memory: the counters of one process, for a single worker or for limits per worker."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.limits.rules import (
    Charge,
    Counters,
    Decision,
    Reservation,
    Subject,
    Timestamp,
    find_exceeded,
)

# Each new subject checks two old ones for eviction, so the number does not grow while there are idle ones.
_EVICTION_CHECKS: Final = 2


def process_clock(now: Callable[[], datetime]) -> Callable[[], Timestamp]:
    """Return a clock with the process's monotonic time and the UTC time of `now` (aware datetimes)."""
    epoch, millisecond = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)

    def read() -> Timestamp:
        return Timestamp(ms=time.monotonic_ns() // 1_000_000, utc_ms=(now() - epoch) // millisecond)

    return read


class MemoryLimits:
    """Limits of one process. A reservation does not await, so nothing runs between check and charge."""

    def __init__(self, clock: Callable[[], Timestamp]) -> None:
        self._clock = clock
        self._subjects: OrderedDict[tuple[str, str, str], tuple[Counters, Subject]] = OrderedDict()
        self._reserved: dict[str, tuple[Counters, ...]] = {}

    def __len__(self) -> int:
        return len(self._subjects)

    async def start(self) -> None:
        """Do nothing."""

    async def unavailable(self) -> str | None:
        """Return None: memory is always available."""
        return None

    async def close(self) -> None:
        """Do nothing."""

    async def reserve(self, lease: str, subjects: Sequence[Subject], charge: Charge) -> Decision:
        """Reserve for all subjects or for none; `lease` is the request's id."""
        now, subjects = self._clock(), tuple(subjects)
        counters = tuple([self._current(subject, now) for subject in subjects])
        exceeded = find_exceeded(subjects, counters, charge, now)
        reservation = None
        if exceeded is None:
            for subject, current in zip(subjects, counters, strict=True):
                current.reserve(charge)
                self._store(subject, current, now)
            reservation = Reservation(lease=lease, subjects=subjects, charge=charge, day=now.day)
            self._reserved[lease] = counters
        return Decision(
            timestamp=now, subjects=subjects, counters=counters, reservation=reservation, exceeded=exceeded
        )

    def settle(self, reservation: Reservation, used: Charge) -> None:
        """Replace the reserved amounts by the used ones. Must be called once per reservation."""
        now = self._clock()
        for subject, current in zip(reservation.subjects, self._reserved.pop(reservation.lease), strict=True):
            current.advance(now, subject.quota)
            current.settle(reservation, used)

    def _current(self, subject: Subject, now: Timestamp) -> Counters:
        """Return a subject's counters, advanced to now."""
        stored = self._subjects.get(_name(subject))
        if stored is None:
            return Counters(at_ms=now.ms, day=now.day)
        stored[0].advance(now, subject.quota)
        return stored[0]

    def _store(self, subject: Subject, counters: Counters, now: Timestamp) -> None:
        name = _name(subject)
        if name in self._subjects:
            self._subjects.move_to_end(name)
        else:
            self._evict_idle(now)
        self._subjects[name] = counters, subject

    def _evict_idle(self, now: Timestamp) -> None:
        """Drop those of the least recently used subjects whose counters equal new ones."""
        for _ in range(min(_EVICTION_CHECKS, len(self._subjects))):
            name, (counters, subject) = next(iter(self._subjects.items()))
            counters.advance(now, subject.quota)
            if counters == Counters(at_ms=now.ms, day=now.day):
                del self._subjects[name]
            else:
                self._subjects.move_to_end(name)


def _name(subject: Subject) -> tuple[str, str, str]:
    return subject.kind, subject.team, subject.id
