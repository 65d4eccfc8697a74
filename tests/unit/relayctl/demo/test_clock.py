"""The demo's clock: a simulated week that never goes back, then the real time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from relayctl.demo.clock import SimulatedClock

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
SUNDAY = MONDAY + timedelta(days=6)


class Hands:
    """What the simulated clock is driven by: a monotonic count of seconds, and the real time."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.real = SUNDAY

    def clock(self) -> SimulatedClock:
        return SimulatedClock(MONDAY, monotonic=lambda: self.seconds, real=lambda: self.real)


def test_clock_starts_at_the_given_time_and_runs() -> None:
    hands = Hands()
    clock = hands.clock()
    assert clock() == MONDAY
    hands.seconds += 1.5
    assert clock() == MONDAY + timedelta(seconds=1.5)


def test_clock_advances_to_a_later_time_and_runs() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.advance(MONDAY + timedelta(hours=9))
    hands.seconds += 2
    assert clock() == MONDAY + timedelta(hours=9, seconds=2)


def test_clock_never_goes_back() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.advance(MONDAY + timedelta(hours=9))
    clock.advance(MONDAY + timedelta(hours=3))
    assert clock() == MONDAY + timedelta(hours=9)


def test_clock_shows_the_real_time_after_its_end() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.advance(MONDAY + timedelta(days=1))
    clock.end()
    hands.seconds += 3
    assert clock() == SUNDAY + timedelta(seconds=3)


def test_clock_returns_utc_for_any_time_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    clock = SimulatedClock(MONDAY.astimezone(tokyo), monotonic=lambda: 0)
    clock.advance((MONDAY + timedelta(hours=1)).astimezone(tokyo))
    assert clock().isoformat() == "2026-11-02T01:00:00+00:00"


def test_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        SimulatedClock(datetime(2026, 11, 2))  # noqa: DTZ001 - that is the point
