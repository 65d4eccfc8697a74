"""Which upstreams rest: failures in a row, a wait that was asked for, and the way back."""

from __future__ import annotations

import pytest

from proxy.config.upstreams import Upstream
from proxy.request.circuit_breaker import FAILURES, CircuitBreaker


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def upstream(name: str) -> Upstream:
    return Upstream(name=name, api="openai", base_url="https://x.example/v1", rest_seconds=30)


FIRST, SECOND = upstream("first"), upstream("second")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def names(health: CircuitBreaker, model: str = "gpt-4o") -> list[str]:
    return [found.name for found in health.order((FIRST, SECOND), model)]


def test_one_that_fails_often_enough_is_asked_last_until_it_has_rested(clock: Clock) -> None:
    health = CircuitBreaker(clock)
    for _ in range(FAILURES - 1):
        health.failed(FIRST, "gpt-4o")
    assert names(health) == ["first", "second"]
    health.failed(FIRST, "gpt-4o")
    assert names(health) == ["second", "first"]
    assert names(health, "gpt-4o-mini") == ["first", "second"]  # another model is another matter
    clock.now += 30
    assert names(health) == ["first", "second"]
    health.failed(FIRST, "gpt-4o")  # it has not recovered: one more is enough
    assert names(health) == ["second", "first"]


def test_an_answer_ends_the_count(clock: Clock) -> None:
    health = CircuitBreaker(clock)
    for _ in range(5):
        for _ in range(FAILURES - 1):
            health.failed(FIRST, "gpt-4o")
        health.worked(FIRST, "gpt-4o")
    assert names(health) == ["first", "second"]


@pytest.mark.parametrize(("asked", "rests"), [(0.0, 0.0), (5.0, 5.0), (3600.0, 30.0)])
def test_one_that_asks_to_wait_rests_so_long_and_no_longer_than_configured(
    clock: Clock, asked: float, rests: float
) -> None:
    health = CircuitBreaker(clock)
    health.failed(FIRST, "gpt-4o", wait=asked)
    if rests:
        clock.now += rests - 0.01
        assert names(health) == ["second", "first"]
    clock.now += 0.02
    assert names(health) == ["first", "second"]


def test_when_all_rest_all_are_asked(clock: Clock) -> None:
    health = CircuitBreaker(clock)
    for found in (FIRST, SECOND):
        health.failed(found, "gpt-4o", wait=10)
    assert names(health) == ["first", "second"]


def test_only_so_many_failures_are_remembered(clock: Clock) -> None:
    health = CircuitBreaker(clock)
    for at in range(10_000):
        health.failed(FIRST, f"gpt-{at}")
    assert len(health._standings) == 1024
