"""Memory and Redis decide alike, and both as a plain model does that remembers everything that happened."""

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
from proxy.limits.rules import DAY_MS, Decision, Demand, Grant, Moment, Subject
from proxy.limits.script import script_text
from tests.support.limits_model import Model, Refused, subject_of_key, subject_of_team
from tests.support.redis_server import redis_server

SERVER_TIME = "redis.call('TIME')"
TEST_TIME = "redis.call('HMGET', 'test:time', 'seconds', 'microseconds')"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


def timed(name: str) -> str:
    """A script that takes its time from a key, in the form in which the server gives its own."""
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
DEMANDS = st.builds(Demand, tokens=st.integers(0, 120) | st.just(400), pico_usd=PICO)


@dataclass(frozen=True)
class InFlight:
    """A request that was let in, by both backends."""

    subjects: tuple[Subject, ...]
    began: Fraction
    in_memory: Grant
    in_redis: Grant


class Backends(RuleBasedStateMachine):
    """Random requests of three keys in two teams, with time going on between them."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ms = 20_000 * DAY_MS + 3_599_000
        self.memory = MemoryLimits(lambda: Moment(ms=self.ms, utc_ms=self.ms))
        self.model = Model()
        self.in_flight: dict[str, InFlight] = {}
        self.number = 0
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.client: Redis = Redis.from_url(self.url)
        self.redis = RedisLimits(self.url, lease_seconds=10**6)
        self.redis._reserve = self.client.register_script(timed("reserve"))
        self.redis._settle = self.client.register_script(timed("settle"))
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
    def give_limits(self, quotas: list[Quota]) -> None:
        engines, looms = subject_of_team("engines", quotas[3]), subject_of_team("looms", quotas[4])
        self.keys = (
            (subject_of_key("ada", quotas[0]), engines),
            (subject_of_key("charles", quotas[1]), engines),
            (subject_of_key("joseph", quotas[2], "looms"), looms),
        )

    @rule(ms=st.integers(0, 500) | st.integers(0, 70_000))
    def time_goes_on(self, ms: int) -> None:
        self.ms += ms

    @rule()
    def it_is_almost_midnight(self) -> None:
        self.ms += DAY_MS - self.ms % DAY_MS - 1

    @rule(who=st.integers(0, 2), demand=DEMANDS)
    def somebody_asks(self, who: int, demand: Demand) -> None:
        subjects = self.keys[who]
        self.number += 1
        lease = f"req_{self.number}"
        in_memory, in_redis = self.runner.run(self._reserve(lease, subjects, demand))
        expected = self.model.reserve(lease, subjects, demand, self.seconds)
        assert told(in_memory) == told(in_redis) == expected
        assert in_memory.standings == in_redis.standings
        assert headers("openai", in_memory) == headers("openai", in_redis)
        if in_memory.grant is not None and in_redis.grant is not None:
            self.in_flight[lease] = InFlight(subjects, self.seconds, in_memory.grant, in_redis.grant)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), used=DEMANDS)
    def somebodys_answer_ends(self, data: Any, used: Demand) -> None:
        lease = data.draw(st.sampled_from(sorted(self.in_flight)))
        ended = self.in_flight.pop(lease)
        self.memory.settle(ended.in_memory, used)
        self.runner.run(self._settle(ended.in_redis, used))
        self.model.settle(lease, ended.subjects, used, ended.began, self.seconds)

    async def _reserve(
        self, lease: str, subjects: tuple[Subject, ...], demand: Demand
    ) -> tuple[Decision, Decision]:
        await self._set_time()
        return await self.memory.reserve(lease, subjects, demand), await self.redis.reserve(
            lease, subjects, demand
        )

    async def _settle(self, grant: Grant, used: Demand) -> None:
        await self._set_time()
        await self.redis.settle(grant, used)
        await self.redis.settle(grant, used)  # whatever comes twice counts once

    async def _set_time(self) -> None:
        seconds, ms = divmod(self.ms, 1000)
        await self.client.hset("test:time", mapping={"seconds": seconds, "microseconds": ms * 1000 + 999})


def told(decision: Decision) -> Refused | None:
    """What was exceeded, in the model's words."""
    over = decision.exceeded
    assert (over is None) == (decision.grant is not None)
    return None if over is None else Refused(over.hopeless, over.wait_ms, over.limit_type, over.subject.kind)


def test_memory_redis_and_a_plain_model_decide_alike(redis_url: str) -> None:
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
