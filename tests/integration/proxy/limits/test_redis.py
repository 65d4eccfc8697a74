"""Limits in a real Redis: shared by processes, exact under concurrency, and its failures are sentences."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from proxy.config.quota import Quota
from proxy.errors import BackendError
from proxy.limits.redis import RedisLimits
from proxy.limits.rules import Demand, Grant, Subject
from proxy.limits.script import redis_keys, script_text
from tests.support.limits_model import subject_of_key, subject_of_team
from tests.support.redis_server import free_cluster_port, free_port, redis_server

LEASE_SECONDS = 60
TEST_TIME = "redis.call('HMGET', 'test:time', 'seconds', 'microseconds')"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        await client.flushall()
        yield client


@asynccontextmanager
async def limits(url: str) -> AsyncIterator[RedisLimits]:
    """The limits as one process of the proxy has them."""
    backend = RedisLimits(url, lease_seconds=LEASE_SECONDS)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


def subjects(key: Quota, team: Quota | None = None) -> tuple[Subject, ...]:
    return subject_of_key("ada", key), subject_of_team("engines", team or Quota(rpm=10**6))


async def let_in(backend: RedisLimits, lease: str, whose: tuple[Subject, ...], demand: Demand) -> Grant:
    decision = await backend.reserve(lease, whose, demand)
    assert decision.grant is not None
    return decision.grant


async def test_calls_of_several_processes_at_once_never_use_more_than_there_is(
    redis_url: str, client: Redis
) -> None:
    whose = subjects(Quota(tpm=100), Quota(concurrency=50))
    async with limits(redis_url) as first, limits(redis_url) as second:
        decisions = await asyncio.gather(
            *(
                backend.reserve(f"{name}{number}", whose, Demand(tokens=33))
                for number in range(25)
                for name, backend in (("a", first), ("b", second))
            )
        )
    assert sum(decision.grant is not None for decision in decisions) == 3


async def test_redis_tells_the_time(redis_url: str, client: Redis) -> None:
    async with limits(redis_url) as backend:
        decision = await backend.reserve("r", subjects(Quota(rpm=1)), Demand())
    told = datetime.fromtimestamp(decision.moment.utc_ms / 1000, UTC)
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)


async def test_scripts_that_redis_has_forgotten_are_loaded_again(redis_url: str, client: Redis) -> None:
    whose = subjects(Quota(concurrency=1))
    async with limits(redis_url) as backend:
        for number in range(3):
            grant = await let_in(backend, f"r{number}", whose, Demand())
            await client.script_flush()
            await backend.settle(grant, Demand())


async def test_all_keys_end_by_themselves_and_hold_no_name_in_clear_braces(
    redis_url: str, client: Redis
) -> None:
    odd = Subject(kind="team", id="a}{b", team="a}{b", quota=Quota(rpm=5))
    async with limits(redis_url) as backend:
        await let_in(backend, "r", (odd,), Demand(tokens=5))
    kept = sorted(await client.keys())
    assert kept == redis_keys((odd,))
    assert kept[0] == "relay:limits:{team:a%7D%7Bb}:team:a%7D%7Bb"
    for name in kept:
        assert 86_400_000 < await client.pttl(name) <= 2 * 86_400_000


async def test_the_slots_of_a_killed_process_come_back_and_its_tokens_count_as_used(
    redis_url: str, client: Redis
) -> None:
    whose = subjects(Quota(concurrency=2, tpm=6000, tokens_per_day=10_000))

    async def set_time(seconds: int) -> None:
        await client.hset("test:time", mapping={"seconds": 1_800_000_000 + seconds, "microseconds": 0})

    async with limits(redis_url) as killed, limits(redis_url) as other:
        for backend in (killed, other):
            backend._reserve = client.register_script(
                script_text("reserve").replace("redis.call('TIME')", TEST_TIME)
            )
        await set_time(0)
        await let_in(killed, "r1", whose, Demand(tokens=1000))
        await let_in(killed, "r2", whose, Demand(tokens=2000))
        await set_time(LEASE_SECONDS - 1)
        refused = await other.reserve("r3", whose, Demand(tokens=1))
        assert refused.exceeded is not None
        assert refused.exceeded.limit_type == "concurrency"
        await set_time(LEASE_SECONDS)
        grant = (await other.reserve("r4", whose, Demand(tokens=1))).grant
        assert grant is not None
        await set_time(LEASE_SECONDS + 1)
        after = (await other.reserve("r5", whose, Demand(tokens=1))).standings[0]
        assert (after.in_flight, after.held_tokens, after.day_tokens) == (2, 2, 3002)
        assert after.token_ms == (3000 - 100) * 60_000  # a second of 6,000 a minute has flowed off


async def test_a_living_process_keeps_its_leases_and_no_other(redis_url: str, client: Redis) -> None:
    whose = subjects(Quota(concurrency=5))
    leases = redis_keys(whose)[1]
    async with limits(redis_url) as backend:
        ended = await let_in(backend, "ended", whose, Demand(tokens=1))
        await let_in(backend, "living", whose, Demand(tokens=2))
        await backend.settle(ended, Demand())
        await client.zadd(leases, {"living:2": 1.0})
        await backend.renew()
        (renewed,) = await client.zrange(leases, 0, -1, withscores=True)
        seconds = int((await client.time())[0])
    assert renewed[0] == "living:2"
    assert abs(seconds + LEASE_SECONDS - float(renewed[1]) / 1000) < 30


async def test_a_request_that_is_cancelled_while_it_asks_holds_nothing(redis_url: str, client: Redis) -> None:
    whose = subjects(Quota(concurrency=1))
    async with limits(redis_url) as backend:
        asking = asyncio.create_task(backend.reserve("r", whose, Demand()))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    async with limits(redis_url) as backend:
        await let_in(backend, "next", whose, Demand())


async def test_key_and_team_lie_on_one_node_of_a_cluster() -> None:
    with redis_server("--cluster-enabled", "yes", port=free_cluster_port()) as url:
        async with Redis.from_url(url) as client, limits(url) as backend:
            await client.cluster("ADDSLOTS", *range(16_384))
            async with asyncio.timeout(20):
                while (await client.cluster("INFO"))["cluster_state"] != "ok":  # noqa: ASYNC110 -- it tells nobody
                    await asyncio.sleep(0.05)
            whose = subjects(Quota(concurrency=1))
            grant = await let_in(backend, "r1", whose, Demand(tokens=5))
            await backend.settle(grant, Demand(tokens=2))
            await let_in(backend, "r2", whose, Demand())


async def test_a_redis_that_is_away_is_told_once_and_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    sentence = f"the Redis of the limits at 127.0.0.1:{port} cannot be reached"
    caplog.set_level(logging.INFO, "proxy.redis_connection")
    async with limits(f"redis://:s3cret@127.0.0.1:{port}/0") as backend:
        for _ in range(3):
            with pytest.raises(BackendError) as told:
                await backend.reserve("r", subjects(Quota(rpm=1)), Demand())
            assert str(told.value) == sentence
        assert await backend.unavailable() == sentence
        with redis_server("--requirepass", "s3cret", port=port):
            assert await backend.unavailable() is None
            grant = await let_in(backend, "r", subjects(Quota(concurrency=1)), Demand())
        await backend.settle(grant, Demand())  # Redis is away again: the lease ends by itself
    told_in_log = [record.getMessage() for record in caplog.records]
    assert told_in_log == [
        f"{sentence}; see limits.on_backend_failure",
        f"the Redis of the limits at 127.0.0.1:{port} works again",
        f"{sentence}; see limits.on_backend_failure",
    ]


async def test_a_wrong_password_is_told_without_it() -> None:
    with redis_server("--requirepass", "right") as url:
        async with limits(url.replace("redis://", "redis://:wr0ng@")) as backend:
            told = await backend.unavailable()
    assert told is not None
    assert told.endswith("refuses the user or password of limits.redis_url")
    assert "wr0ng" not in told


async def test_a_redis_without_memory_is_told_by_its_code() -> None:
    with redis_server("--maxmemory", "1") as url:
        async with limits(url) as backend:
            with pytest.raises(BackendError, match=r"answers with an error \((OOM|OutOfMemoryError)\)$"):
                await backend.reserve("r", subjects(Quota(rpm=1)), Demand())


async def test_a_redis_that_hangs_holds_up_one_request_and_not_the_next() -> None:
    asked = 0
    hanging = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await hanging.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with limits(f"redis://127.0.0.1:{port}") as backend:
        for _ in range(5):
            with pytest.raises(BackendError, match=r"does not answer within 1 s$"):
                await backend.reserve("r", subjects(Quota(rpm=1)), Demand())
    assert asked == 1
    hanging.set()
    server.close()
