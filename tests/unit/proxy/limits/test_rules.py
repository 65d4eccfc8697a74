"""The limits of one process: what fits, what is refused and for how long, and that no bound is passed."""

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
from proxy.limits.rules import DAY_MS, Decision, Demand, Grant, Moment
from tests.support.limits_model import level, subject_of_key, subject_of_team

NOON = 20_000 * DAY_MS + DAY_MS // 2


@dataclass
class Clock:
    """A time that stands still until it is set forward."""

    ms: int = NOON

    def __call__(self) -> Moment:
        return Moment(ms=self.ms, utc_ms=self.ms)


@dataclass
class Limits:
    """The limits of one key of one team, with a clock of their own."""

    quota: Quota = field(default_factory=Quota)
    team: Quota = field(default_factory=Quota)
    clock: Clock = field(default_factory=Clock)
    number: int = 0

    def __post_init__(self) -> None:
        self.memory = MemoryLimits(self.clock)

    def ask(self, tokens: int = 0, pico_usd: int = 0, *, key: str = "ada") -> Decision:
        """Asks for one more request of a key."""
        self.number += 1
        subjects = (subject_of_key(key, self.quota), subject_of_team("engines", self.team))
        demand = Demand(tokens=tokens, pico_usd=pico_usd)
        return asyncio.run(self.memory.reserve(f"req_{self.number}", subjects, demand))

    def let_in(self, tokens: int = 0, pico_usd: int = 0) -> Grant:
        """Asks for a request that fits."""
        grant = self.ask(tokens, pico_usd).grant
        assert grant is not None
        return grant

    def refusal(self, tokens: int = 0, pico_usd: int = 0) -> tuple[str, str, int, bool] | None:
        """The limit that a request exceeds, whose it is, the milliseconds to wait, and whether that helps."""
        over = self.ask(tokens, pico_usd).exceeded
        return over and (over.limit_type, over.subject.kind, over.wait_ms, not over.hopeless)  # type: ignore[return-value]


def test_a_minutes_worth_goes_at_once_and_then_one_after_the_other() -> None:
    limits = Limits(Quota(rpm=7))
    for _ in range(7):
        limits.let_in()
    assert limits.refusal() == ("rpm", "key", 8572, True)  # a seventh of a minute, rounded up
    limits.clock.ms += 8571
    assert limits.refusal() == ("rpm", "key", 1, True)
    limits.clock.ms += 1
    limits.let_in()
    assert limits.refusal() == ("rpm", "key", 8571, True)


def test_over_the_edge_of_a_minute_no_more_goes_than_within_it() -> None:
    limits = Limits(Quota(rpm=10))
    limits.clock.ms = NOON - 1
    for _ in range(10):
        limits.let_in()
    limits.clock.ms = NOON + 1
    assert limits.refusal() is not None


def test_five_calls_at_once_never_use_more_than_the_tokens_there_are() -> None:
    # Elsewhere, five concurrent calls used 663 tokens of 100 (docs/limits.md).
    limits = Limits(Quota(tpm=100))
    answers = [limits.ask(33) for _ in range(5)]
    grants = [answer.grant for answer in answers if answer.grant]
    assert len(grants) == 3
    for grant in grants:
        limits.memory.settle(grant, Demand(tokens=33))
    assert limits.refusal(2) == ("tpm", "key", 600, True)
    limits.let_in(1)


def test_what_was_not_used_is_given_back_to_the_last_token_and_pico_dollar() -> None:
    limits = Limits(Quota(tpm=1000, tokens_per_day=1000, pico_usd_per_day=500))
    grant = limits.let_in(900, 450)
    assert limits.refusal(900, 51) is not None
    limits.memory.settle(grant, Demand(tokens=100, pico_usd=50))
    limits.let_in(900, 450)
    assert limits.refusal(1, 0) is not None


def test_what_was_used_beyond_the_reservation_is_charged() -> None:
    limits = Limits(Quota(tpm=600))
    limits.memory.settle(limits.let_in(10), Demand(tokens=1200))
    assert limits.refusal(1) == ("tpm", "key", 60_100, True)
    assert limits.refusal(0) is None  # what uses no token asks for none


def test_reserved_tokens_do_not_flow_off_and_so_cannot_be_given_back_twice() -> None:
    limits = Limits(Quota(tpm=60))
    grant = limits.let_in(60)
    limits.clock.ms += 60_000
    assert limits.refusal(1) == ("tpm", "key", 1000, True)
    limits.memory.settle(grant, Demand())
    limits.let_in(60)
    assert limits.refusal(1) is not None


def test_a_slot_comes_free_once_however_the_request_ended() -> None:
    limits = Limits(Quota(concurrency=2))
    first = limits.let_in()
    limits.let_in()
    assert limits.refusal() == ("concurrency", "key", 1000, True)
    limits.memory.settle(first, Demand())
    limits.let_in()
    assert limits.refusal() == ("concurrency", "key", 1000, True)


def test_a_day_ends_at_midnight_utc() -> None:
    limits = Limits(Quota(tokens_per_day=100))
    limits.let_in(100)
    assert limits.refusal(1) == ("tokens_per_day", "key", DAY_MS // 2, True)
    limits.clock.ms += DAY_MS // 2
    limits.let_in(100)


# By how much the UTC clock was ahead for a while, and whether what was used in that time counts after it.
AHEAD: list[tuple[int, bool]] = [(DAY_MS, True), (2 * DAY_MS, False), (4000 * DAY_MS, False)]


@pytest.mark.parametrize(("ahead", "counts"), AHEAD)
def test_a_clock_that_was_days_ahead_holds_no_day_back(ahead: int, *, counts: bool) -> None:
    limits = Limits(Quota(tokens_per_day=100))
    limits.clock.ms += ahead
    limits.memory.settle(limits.let_in(100), Demand(tokens=100))
    limits.clock.ms -= ahead
    grant = limits.ask(100).grant
    assert (grant is None) is counts
    if grant is not None:
        limits.memory.settle(grant, Demand(tokens=1))  # and what is not used comes back
        limits.let_in(99)


def test_a_request_counts_on_the_day_on_which_it_began() -> None:
    limits = Limits(Quota(pico_usd_per_day=100))
    grant = limits.let_in(1, 100)
    limits.clock.ms += DAY_MS
    limits.memory.settle(grant, Demand(pico_usd=1000))
    limits.let_in(1, 100)


def test_a_refused_request_charges_nothing_in_any_dimension_of_anybody() -> None:
    limits = Limits(Quota(rpm=2, tpm=100, tokens_per_day=100), team=Quota(concurrency=1, rpm=2))
    grant = limits.let_in(10)
    for _ in range(5):
        assert limits.refusal(50) == ("concurrency", "team", 1000, True)
    limits.memory.settle(grant, Demand(tokens=10))
    limits.let_in(90)


REFUSALS: list[tuple[Quota, Quota, tuple[int, int], tuple[str, str, int, bool]]] = [
    # Of several limits the one that keeps waiting longest is told.
    (Quota(rpm=1, concurrency=1), Quota(), (1, 1), ("rpm", "key", 60_000, True)),
    (Quota(rpm=1), Quota(tokens_per_day=2), (2, 1), ("tokens_per_day", "team", DAY_MS // 2, True)),
    # What never fits comes before all others.
    (Quota(tpm=3, tokens_per_day=2), Quota(), (4, 1), ("tokens_per_day", "key", DAY_MS // 2, False)),
    (Quota(tpm=3), Quota(tokens_per_day=5), (4, 1), ("tpm", "key", 40_000, False)),
    (Quota(), Quota(pico_usd_per_day=7), (1, 8), ("usd_per_day", "team", DAY_MS // 2, False)),
    (Quota(), Quota(pico_usd_per_day=7), (1, 7), ("usd_per_day", "team", DAY_MS // 2, True)),
]


@pytest.mark.parametrize(("key", "team", "asked", "expected"), REFUSALS)
def test_a_refusal_names_the_limit_whose_it_is_and_how_long_to_wait(
    key: Quota, team: Quota, asked: tuple[int, int], expected: tuple[str, str, int, bool]
) -> None:
    limits = Limits(key, team)
    limits.let_in(1, 1)
    assert limits.refusal(*asked) == expected


def test_keys_of_one_team_share_its_limits_and_nothing_else() -> None:
    limits = Limits(Quota(rpm=2), team=Quota(rpm=3))
    assert [limits.ask(key=key).grant is not None for key in ("ada", "ada", "ada")] == [True, True, False]
    assert [limits.ask(key=key).grant is not None for key in ("charles", "charles")] == [True, False]


def test_who_is_idle_is_forgotten_and_who_is_not_stays() -> None:
    limits = Limits(Quota(rpm=60, concurrency=9))
    held = limits.let_in()
    for number in range(1000):
        limits.clock.ms += 500  # a request has flowed off after a second
        decision = limits.ask(key=f"key_{number}")
        assert decision.grant is not None
        limits.memory.settle(decision.grant, Demand())
        assert len(limits.memory) <= 2 + 3  # ada and her team have a request in flight
    limits.memory.settle(held, Demand())
    assert limits.memory._subjects["key", "engines", "ada"][0].in_flight == 0


Step = tuple[int, int, int]


@given(
    tpm=st.integers(1, 200),
    steps=st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 250), st.integers(0, 250)), max_size=40),
    ends=st.randoms(use_true_random=False),
)
def test_in_no_span_of_time_more_is_used_than_a_burst_and_what_flows_off(
    tpm: int, steps: list[Step], ends: object
) -> None:
    limits = Limits(Quota(tpm=tpm))
    flying: list[tuple[Grant, int]] = []
    used: list[tuple[Fraction, int]] = []
    for wait, asked, of_it in steps:
        limits.clock.ms += wait
        if grant := limits.ask(asked).grant:
            flying.append((grant, min(asked, of_it)))
        if flying and ends.random() < 0.6:  # type: ignore[attr-defined]  # hypothesis's Random
            ended, tokens = flying.pop(ends.randrange(len(flying)))  # type: ignore[attr-defined]
            limits.memory.settle(ended, Demand(tokens=tokens))
            used.append((Fraction(limits.clock.ms, 1000), tokens))
        assert level(used, tpm, Fraction(limits.clock.ms, 1000)) <= tpm


MONEY = [
    (None, 0),
    (Decimal("0"), 0),
    (Decimal("0.000000000001"), 1),
    (Decimal("12.000000000001"), 12_000_000_000_001),
    (Decimal("1e11"), 10**18),  # more than a million for one request is nobody's price
]


@pytest.mark.parametrize(("usd", "pico"), MONEY)
def test_money_is_counted_in_whole_pico_dollars(usd: Decimal | None, pico: int) -> None:
    assert to_pico_usd(usd) == pico
