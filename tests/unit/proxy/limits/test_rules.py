"""Limits in memory: what fits, what is refused and for how long, and that no limit is ever exceeded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.quota import Quota, to_pico_usd
from proxy.limits.memory import MemoryLimits
from proxy.limits.rules import DAY_MS, Charge, Decision, Reservation, Timestamp
from tests.support.limits_model import level, subject_of_key, subject_of_team

NOON = 20_000 * DAY_MS + DAY_MS // 2


@dataclass
class Clock:
    """A clock that advances only when it is set."""

    ms: int = NOON

    def __call__(self) -> Timestamp:
        return Timestamp(ms=self.ms, utc_ms=self.ms)


@dataclass
class Limits:
    """The limits of a key and its team, with their own clock."""

    quota: Quota = field(default_factory=Quota)
    team: Quota = field(default_factory=Quota)
    clock: Clock = field(default_factory=Clock)
    number: int = 0

    def __post_init__(self) -> None:
        self.memory = MemoryLimits(self.clock)

    def reserve(self, tokens: int = 0, pico_usd: int = 0, *, key: str = "ada") -> Decision:
        """Reserve for one more request of a key."""
        self.number += 1
        subjects = (subject_of_key(key, self.quota), subject_of_team("engines", self.team))
        charge = Charge(tokens=tokens, pico_usd=pico_usd)
        return asyncio.run(self.memory.reserve(f"req_{self.number}", subjects, charge))

    def admit(self, tokens: int = 0, pico_usd: int = 0) -> Reservation:
        """Reserve for a request that fits."""
        reservation = self.reserve(tokens, pico_usd).reservation
        assert reservation is not None
        return reservation

    def refusal(self, tokens: int = 0, pico_usd: int = 0) -> tuple[str, str, int, bool] | None:
        """Return type and subject of the exceeded limit, the wait in ms, and whether waiting helps."""
        exceeded = self.reserve(tokens, pico_usd).exceeded
        return exceeded and (
            exceeded.limit_type,
            exceeded.subject.kind,
            exceeded.wait_ms,
            not exceeded.over_capacity,
        )  # type: ignore[return-value]


def test_burst_of_a_minute_and_then_an_even_rate() -> None:
    limits = Limits(Quota(rpm=7))
    for _ in range(7):
        limits.admit()
    assert limits.refusal() == ("rpm", "key", 8572, True)  # a seventh of a minute, rounded up
    limits.clock.ms += 8571
    assert limits.refusal() == ("rpm", "key", 1, True)
    limits.clock.ms += 1
    limits.admit()
    assert limits.refusal() == ("rpm", "key", 8571, True)


def test_no_double_burst_across_a_minute_boundary() -> None:
    limits = Limits(Quota(rpm=10))
    limits.clock.ms = NOON - 1
    for _ in range(10):
        limits.admit()
    limits.clock.ms = NOON + 1
    assert limits.refusal() is not None


def test_concurrent_requests_never_exceed_the_token_limit() -> None:
    # In another gateway five concurrent requests used 663 tokens of 100 (docs/limits.md).
    limits = Limits(Quota(tpm=100))
    answers = [limits.reserve(33) for _ in range(5)]
    grants = [answer.reservation for answer in answers if answer.reservation]
    assert len(grants) == 3
    for reservation in grants:
        limits.memory.settle(reservation, Charge(tokens=33))
    assert limits.refusal(2) == ("tpm", "key", 600, True)
    limits.admit(1)


def test_unused_tokens_and_money_are_refunded_exactly() -> None:
    limits = Limits(Quota(tpm=1000, tokens_per_day=1000, pico_usd_per_day=500))
    reservation = limits.admit(900, 450)
    assert limits.refusal(900, 51) is not None
    limits.memory.settle(reservation, Charge(tokens=100, pico_usd=50))
    limits.admit(900, 450)
    assert limits.refusal(1, 0) is not None


def test_usage_above_the_reservation_is_charged() -> None:
    limits = Limits(Quota(tpm=600))
    limits.memory.settle(limits.admit(10), Charge(tokens=1200))
    assert limits.refusal(1) == ("tpm", "key", 60_100, True)
    assert limits.refusal(0) is None  # a request without tokens is not limited by them


def test_reserved_tokens_do_not_drain_and_are_not_refunded_twice() -> None:
    limits = Limits(Quota(tpm=60))
    reservation = limits.admit(60)
    limits.clock.ms += 60_000
    assert limits.refusal(1) == ("tpm", "key", 1000, True)
    limits.memory.settle(reservation, Charge())
    limits.admit(60)
    assert limits.refusal(1) is not None


def test_slot_is_freed_once_when_a_request_ends() -> None:
    limits = Limits(Quota(concurrency=2))
    first = limits.admit()
    limits.admit()
    assert limits.refusal() == ("concurrency", "key", 1000, True)
    limits.memory.settle(first, Charge())
    limits.admit()
    assert limits.refusal() == ("concurrency", "key", 1000, True)


def test_day_ends_at_midnight_utc() -> None:
    limits = Limits(Quota(tokens_per_day=100))
    limits.admit(100)
    assert limits.refusal(1) == ("tokens_per_day", "key", DAY_MS // 2, True)
    limits.clock.ms += DAY_MS // 2
    limits.admit(100)


# How far the UTC clock was ahead for a while, and whether usage of that time still counts afterwards.
AHEAD: list[tuple[int, bool]] = [(DAY_MS, True), (2 * DAY_MS, False), (4000 * DAY_MS, False)]


@pytest.mark.parametrize(("ahead", "counts"), AHEAD)
def test_clock_that_was_days_ahead_is_corrected(ahead: int, *, counts: bool) -> None:
    limits = Limits(Quota(tokens_per_day=100))
    limits.clock.ms += ahead
    limits.memory.settle(limits.admit(100), Charge(tokens=100))
    limits.clock.ms -= ahead
    reservation = limits.reserve(100).reservation
    assert (reservation is None) is counts
    if reservation is not None:
        limits.memory.settle(reservation, Charge(tokens=1))  # and unused tokens are refunded
        limits.admit(99)


def test_request_counts_on_the_day_on_which_it_began() -> None:
    limits = Limits(Quota(pico_usd_per_day=100))
    reservation = limits.admit(1, 100)
    limits.clock.ms += DAY_MS
    limits.memory.settle(reservation, Charge(pico_usd=1000))
    limits.admit(1, 100)


def test_refused_request_charges_nothing() -> None:
    limits = Limits(Quota(rpm=2, tpm=100, tokens_per_day=100), team=Quota(concurrency=1, rpm=2))
    reservation = limits.admit(10)
    for _ in range(5):
        assert limits.refusal(50) == ("concurrency", "team", 1000, True)
    limits.memory.settle(reservation, Charge(tokens=10))
    limits.admit(90)


REFUSALS: list[tuple[Quota, Quota, tuple[int, int], tuple[str, str, int, bool]]] = [
    # Of several limits the one with the longest wait is reported.
    (Quota(rpm=1, concurrency=1), Quota(), (1, 1), ("rpm", "key", 60_000, True)),
    (Quota(rpm=1), Quota(tokens_per_day=2), (2, 1), ("tokens_per_day", "team", DAY_MS // 2, True)),
    # A limit that the request exceeds alone takes precedence.
    (Quota(tpm=3, tokens_per_day=2), Quota(), (4, 1), ("tokens_per_day", "key", DAY_MS // 2, False)),
    (Quota(tpm=3), Quota(tokens_per_day=5), (4, 1), ("tpm", "key", 40_000, False)),
    (Quota(), Quota(pico_usd_per_day=7), (1, 8), ("usd_per_day", "team", DAY_MS // 2, False)),
    (Quota(), Quota(pico_usd_per_day=7), (1, 7), ("usd_per_day", "team", DAY_MS // 2, True)),
]


@pytest.mark.parametrize(("key", "team", "asked", "expected"), REFUSALS)
def test_refusal_names_limit_subject_and_wait(
    key: Quota, team: Quota, asked: tuple[int, int], expected: tuple[str, str, int, bool]
) -> None:
    limits = Limits(key, team)
    limits.admit(1, 1)
    assert limits.refusal(*asked) == expected


def test_keys_of_a_team_share_only_its_limits() -> None:
    limits = Limits(Quota(rpm=2), team=Quota(rpm=3))
    assert [limits.reserve(key=key).reservation is not None for key in ("ada", "ada", "ada")] == [
        True,
        True,
        False,
    ]
    assert [limits.reserve(key=key).reservation is not None for key in ("charles", "charles")] == [
        True,
        False,
    ]


def test_idle_subjects_are_evicted() -> None:
    limits = Limits(Quota(rpm=60, concurrency=9))
    held = limits.admit()
    for number in range(1000):
        limits.clock.ms += 500  # a request drains within a second
        decision = limits.reserve(key=f"key_{number}")
        assert decision.reservation is not None
        limits.memory.settle(decision.reservation, Charge())
        assert len(limits.memory) <= 2 + 3  # ada and the team have a request in flight
    limits.memory.settle(held, Charge())
    assert limits.memory._subjects["key", "engines", "ada"][0].in_flight == 0


Step = tuple[int, int, int]


@given(
    tpm=st.integers(1, 200),
    steps=st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 250), st.integers(0, 250)), max_size=40),
    ends=st.randoms(use_true_random=False),
)
def test_usage_never_exceeds_a_burst_and_the_drained_amount(
    tpm: int, steps: list[Step], ends: object
) -> None:
    limits = Limits(Quota(tpm=tpm))
    flying: list[tuple[Reservation, int]] = []
    used: list[tuple[Fraction, int]] = []
    for wait, asked, of_it in steps:
        limits.clock.ms += wait
        if reservation := limits.reserve(asked).reservation:
            flying.append((reservation, min(asked, of_it)))
        if flying and ends.random() < 0.6:  # type: ignore[attr-defined]  # hypothesis's Random
            ended, tokens = flying.pop(ends.randrange(len(flying)))  # type: ignore[attr-defined]
            limits.memory.settle(ended, Charge(tokens=tokens))
            used.append((Fraction(limits.clock.ms, 1000), tokens))
        assert level(used, tpm, Fraction(limits.clock.ms, 1000)) <= tpm


MONEY = [
    (None, 0),
    (Decimal("0"), 0),
    (Decimal("0.000000000001"), 1),
    (Decimal("12.000000000001"), 12_000_000_000_001),
    (Decimal("1e11"), 10**18),  # capped at a million USD per request
]


@pytest.mark.parametrize(("usd", "pico"), MONEY)
def test_money_is_counted_in_whole_pico_usd(usd: Decimal | None, pico: int) -> None:
    assert to_pico_usd(usd) == pico
