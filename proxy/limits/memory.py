"""Keeps the standing of every subject in this process: for one worker, or for limits of each worker's own."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.limits.rules import Decision, Demand, Grant, Moment, Standing, Subject, exceeded

# One more is kept only after looking at two, so the number does not grow while there are idle ones.
_LOOKED_AT: Final = 2


def process_clock(now: Callable[[], datetime]) -> Callable[[], Moment]:
    """Minutes from the monotonic clock, days from `now` (aware times)."""
    epoch, millisecond = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)

    def moment() -> Moment:
        return Moment(ms=time.monotonic_ns() // 1_000_000, utc_ms=(now() - epoch) // millisecond)

    return moment


class MemoryLimits:
    """Limits of one process. A reservation is one coroutine step: nothing comes between check and charge."""

    def __init__(self, clock: Callable[[], Moment]) -> None:
        self._clock = clock
        self._subjects: OrderedDict[tuple[str, str, str], tuple[Standing, Subject]] = OrderedDict()
        self._held: dict[str, tuple[Standing, ...]] = {}

    def __len__(self) -> int:
        return len(self._subjects)

    async def start(self) -> None:
        """Nothing to start."""

    async def unavailable(self) -> str | None:
        """Why limits cannot be told at the moment: never."""
        return None

    async def close(self) -> None:
        """Nothing to close."""

    async def reserve(self, lease: str, subjects: Sequence[Subject], demand: Demand) -> Decision:
        """Reserves for all subjects or for none; `lease` names the request."""
        moment, whose = self._clock(), tuple(subjects)
        standings = tuple([self._standing(subject, moment) for subject in whose])
        over = exceeded(whose, standings, demand, moment)
        grant = None
        if over is None:
            for subject, standing in zip(whose, standings, strict=True):
                standing.reserve(demand)
                self._keep(subject, standing, moment)
            grant = Grant(lease=lease, subjects=whose, reserved=demand, day=moment.day)
            self._held[lease] = standings
        return Decision(moment=moment, subjects=whose, standings=standings, grant=grant, exceeded=over)

    def settle(self, grant: Grant, used: Demand) -> None:
        """Puts what was used in the place of what was reserved. To be called once for each grant."""
        moment = self._clock()
        for subject, standing in zip(grant.subjects, self._held.pop(grant.lease), strict=True):
            standing.move_to(moment, subject.quota)
            standing.settle(grant, used)

    def _standing(self, subject: Subject, moment: Moment) -> Standing:
        """How a subject stands at this moment."""
        kept = self._subjects.get(_name(subject))
        if kept is None:
            return Standing(at_ms=moment.ms, day=moment.day)
        kept[0].move_to(moment, subject.quota)
        return kept[0]

    def _keep(self, subject: Subject, standing: Standing, moment: Moment) -> None:
        name = _name(subject)
        if name in self._subjects:
            self._subjects.move_to_end(name)
        else:
            self._forget_idle(moment)
        self._subjects[name] = standing, subject

    def _forget_idle(self, moment: Moment) -> None:
        """Drops, of those untouched for longest, who would begin anew just as they stand."""
        for _ in range(min(_LOOKED_AT, len(self._subjects))):
            name, (standing, subject) = next(iter(self._subjects.items()))
            standing.move_to(moment, subject.quota)
            if standing == Standing(at_ms=moment.ms, day=moment.day):
                del self._subjects[name]
            else:
                self._subjects.move_to_end(name)


def _name(subject: Subject) -> tuple[str, str, str]:
    return subject.kind, subject.team, subject.id
