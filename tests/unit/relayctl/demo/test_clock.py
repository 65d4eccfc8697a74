"""The demo's clock: a simulated time that never goes back, then the real time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from relayctl.demo.clock import SimulatedClock

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
SUNDAY = MONDAY + timedelta(days=6)


class TimeSources:
    """The time sources of the simulated clock: monotonic seconds and the real time."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.real = SUNDAY

    def clock(self) -> SimulatedClock:
        return SimulatedClock(MONDAY, monotonic=lambda: self.seconds, real=lambda: self.real)


def test_clock_starts_at_the_given_time_and_runs() -> None:
    sources = TimeSources()
    clock = sources.clock()
    assert clock() == MONDAY
    sources.seconds += 1.5
    assert clock() == MONDAY + timedelta(seconds=1.5)


def test_clock_advances_to_a_later_time_and_runs() -> None:
    sources = TimeSources()
    clock = sources.clock()
    clock.advance(MONDAY + timedelta(hours=9))
    sources.seconds += 2
    assert clock() == MONDAY + timedelta(hours=9, seconds=2)


def test_clock_never_goes_back() -> None:
    sources = TimeSources()
    clock = sources.clock()
    clock.advance(MONDAY + timedelta(hours=9))
    clock.advance(MONDAY + timedelta(hours=3))
    assert clock() == MONDAY + timedelta(hours=9)


def test_clock_shows_the_real_time_after_its_end() -> None:
    sources = TimeSources()
    clock = sources.clock()
    clock.advance(MONDAY + timedelta(days=1))
    clock.end()
    sources.seconds += 3
    assert clock() == SUNDAY + timedelta(seconds=3)


def test_clock_returns_utc_for_any_time_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    clock = SimulatedClock(MONDAY.astimezone(tokyo), monotonic=lambda: 0)
    clock.advance((MONDAY + timedelta(hours=1)).astimezone(tokyo))
    assert clock().isoformat() == "2026-11-02T01:00:00+00:00"


def test_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        SimulatedClock(datetime(2026, 11, 2))  # noqa: DTZ001 - the naive time is the test case
