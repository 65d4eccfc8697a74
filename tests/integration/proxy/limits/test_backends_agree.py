"""Memory and Redis decide alike, and like a reference model that keeps the whole history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from proxy.config.quota import Quota
from proxy.limits.headers import headers
from proxy.limits.memory import MemoryLimits
from proxy.limits.redis import RedisLimits
from proxy.limits.rules import DAY_MS, Charge, Decision, Reservation, Subject, Timestamp
from proxy.limits.script import script_text
from tests.support.limits_model import Model, Refusal, subject_of_key, subject_of_team
from tests.support.redis_server import redis_server

SERVER_TIME = "redis.call('TIME')"
TEST_TIME = "redis.call('HMGET', 'test:time', 'seconds', 'microseconds')"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


def script_with_test_time(name: str) -> str:
    """Return a script that reads the time from a key, in the form of the TIME command."""
    text = script_text(name)
    assert text.count(SERVER_TIME) == 1
    return text.replace(SERVER_TIME, TEST_TIME)


COUNTS = st.none() | st.integers(1, 12)
# Amounts of money around the 2^53 pico-USD up to which Lua's numbers are exact.
PICO = st.integers(0, 20) | st.integers(2**53 - 3, 2**53 + 3)
QUOTAS = st.builds(
    Quota,
    rpm=COUNTS,
    tpm=st.none() | st.integers(1, 300),
    concurrency=st.none() | st.integers(1, 5),
    tokens_per_day=st.none() | st.integers(1, 2000),
    pico_usd_per_day=st.none() | st.integers(1, 60) | st.integers(2**53, 2**54 + 9),
)
CHARGES = st.builds(Charge, tokens=st.integers(0, 120) | st.just(400), pico_usd=PICO)


@dataclass(frozen=True)
class InFlight:
    """A request that both backends admitted."""

    subjects: tuple[Subject, ...]
    began: Fraction
    in_memory: Reservation
    in_redis: Reservation


class Backends(RuleBasedStateMachine):
    """Random requests of three keys in two teams, at random times."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ms = 20_000 * DAY_MS + 3_599_000
        self.memory = MemoryLimits(lambda: Timestamp(ms=self.ms, utc_ms=self.ms))
        self.model = Model()
        self.in_flight: dict[str, InFlight] = {}
        self.number = 0
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.client: Redis = Redis.from_url(self.url)
        self.redis = RedisLimits(self.url, lease_seconds=10**6)
        self.redis._reserve = self.client.register_script(script_with_test_time("reserve"))
        self.redis._settle = self.client.register_script(script_with_test_time("settle"))
        await self.client.flushall()

    async def _close(self) -> None:
        await self.redis.close()
        await self.client.aclose()

    def teardown(self) -> None:
        self.runner.run(self._close())
        self.runner.close()

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.ms, 1000)

    @initialize(quotas=st.lists(QUOTAS, min_size=5, max_size=5))
    def set_quotas(self, quotas: list[Quota]) -> None:
        engines, looms = subject_of_team("engines", quotas[3]), subject_of_team("looms", quotas[4])
        self.keys = (
            (subject_of_key("ada", quotas[0]), engines),
            (subject_of_key("charles", quotas[1]), engines),
            (subject_of_key("joseph", quotas[2], "looms"), looms),
        )

    @rule(ms=st.integers(0, 500) | st.integers(0, 70_000))
    def advance_time(self, ms: int) -> None:
        self.ms += ms

    @rule()
    def advance_to_midnight(self) -> None:
        self.ms += DAY_MS - self.ms % DAY_MS - 1

    @rule(who=st.integers(0, 2), charge=CHARGES)
    def begin_request(self, who: int, charge: Charge) -> None:
        subjects = self.keys[who]
        self.number += 1
        lease = f"req_{self.number}"
        in_memory, in_redis = self.runner.run(self._reserve(lease, subjects, charge))
        expected = self.model.reserve(lease, subjects, charge, self.seconds)
        assert refusal(in_memory) == refusal(in_redis) == expected
        assert in_memory.counters == in_redis.counters
        assert headers("openai", in_memory) == headers("openai", in_redis)
        if in_memory.reservation is not None and in_redis.reservation is not None:
            self.in_flight[lease] = InFlight(
                subjects, self.seconds, in_memory.reservation, in_redis.reservation
            )

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), used=CHARGES)
    def end_request(self, data: Any, used: Charge) -> None:
        lease = data.draw(st.sampled_from(sorted(self.in_flight)))
        ended = self.in_flight.pop(lease)
        self.memory.settle(ended.in_memory, used)
        self.runner.run(self._settle(ended.in_redis, used))
        self.model.settle(lease, ended.subjects, used, ended.began, self.seconds)

    async def _reserve(
        self, lease: str, subjects: tuple[Subject, ...], charge: Charge
    ) -> tuple[Decision, Decision]:
        await self._set_time()
        return await self.memory.reserve(lease, subjects, charge), await self.redis.reserve(
            lease, subjects, charge
        )

    async def _settle(self, reservation: Reservation, used: Charge) -> None:
        await self._set_time()
        await self.redis.settle(reservation, used)
        await self.redis.settle(reservation, used)  # a repeated settlement changes nothing

    async def _set_time(self) -> None:
        seconds, ms = divmod(self.ms, 1000)
        await self.client.hset("test:time", mapping={"seconds": seconds, "microseconds": ms * 1000 + 999})


def refusal(decision: Decision) -> Refusal | None:
    """Return the exceeded limit as the model describes it."""
    over = decision.exceeded
    assert (over is None) == (decision.reservation is not None)
    return (
        None
        if over is None
        else Refusal(over.over_capacity, over.wait_ms, over.limit_type, over.subject.kind)
    )


def test_memory_redis_and_reference_model_decide_alike(redis_url: str) -> None:
    machine = type("BackendsOnRedis", (Backends,), {"url": redis_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
