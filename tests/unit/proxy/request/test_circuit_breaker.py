"""Circuit breaker: consecutive failures, requested waits, and the cool-down."""

from __future__ import annotations

import pytest

from proxy.config.upstreams import Upstream
from proxy.request.circuit_breaker import FAILURES, CircuitBreaker


class Clock:
    """A monotonic clock in seconds that tests advance."""

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


def names(breaker: CircuitBreaker, model: str = "gpt-4o") -> list[str]:
    return [found.name for found in breaker.order((FIRST, SECOND), model)]


def test_circuit_opens_after_failures_until_the_cool_down_ends(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    for _ in range(FAILURES - 1):
        breaker.record_failure(FIRST, "gpt-4o")
    assert names(breaker) == ["first", "second"]
    breaker.record_failure(FIRST, "gpt-4o")
    assert names(breaker) == ["second", "first"]
    assert names(breaker, "gpt-4o-mini") == ["first", "second"]  # each model has its own circuit
    clock.now += 30
    assert names(breaker) == ["first", "second"]
    breaker.record_failure(FIRST, "gpt-4o")  # not recovered: one more failure is enough
    assert names(breaker) == ["second", "first"]


def test_success_closes_the_circuit(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    for _ in range(5):
        for _ in range(FAILURES - 1):
            breaker.record_failure(FIRST, "gpt-4o")
        breaker.record_success(FIRST, "gpt-4o")
    assert names(breaker) == ["first", "second"]


@pytest.mark.parametrize(("wait", "cool_down"), [(0.0, 0.0), (5.0, 5.0), (3600.0, 30.0)])
def test_requested_wait_is_capped_by_rest_seconds(clock: Clock, wait: float, cool_down: float) -> None:
    breaker = CircuitBreaker(clock)
    breaker.record_failure(FIRST, "gpt-4o", wait=wait)
    if cool_down:
        clock.now += cool_down - 0.01
        assert names(breaker) == ["second", "first"]
    clock.now += 0.02
    assert names(breaker) == ["first", "second"]


def test_all_upstreams_are_tried_when_all_circuits_are_open(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    for found in (FIRST, SECOND):
        breaker.record_failure(found, "gpt-4o", wait=10)
    assert names(breaker) == ["first", "second"]


def test_number_of_circuits_is_bounded(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    for at in range(10_000):
        breaker.record_failure(FIRST, f"gpt-{at}")
    assert len(breaker._circuits) == 1024
