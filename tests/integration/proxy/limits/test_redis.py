"""Limits in a real Redis: shared by processes, exact under concurrency, with readable errors."""

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
from proxy.limits.rules import Charge, Reservation, Subject
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
    """The limits of one process of the proxy."""
    backend = RedisLimits(url, lease_seconds=LEASE_SECONDS)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


def subjects(key: Quota, team: Quota | None = None) -> tuple[Subject, ...]:
    return subject_of_key("ada", key), subject_of_team("engines", team or Quota(rpm=10**6))


async def reserve(
    backend: RedisLimits, lease: str, whose: tuple[Subject, ...], charge: Charge
) -> Reservation:
    decision = await backend.reserve(lease, whose, charge)
    assert decision.reservation is not None
    return decision.reservation


async def test_concurrent_processes_never_exceed_the_limit(redis_url: str, client: Redis) -> None:
    whose = subjects(Quota(tpm=100), Quota(concurrency=50))
    async with limits(redis_url) as first, limits(redis_url) as second:
        decisions = await asyncio.gather(
            *(
                backend.reserve(f"{name}{number}", whose, Charge(tokens=33))
                for number in range(25)
                for name, backend in (("a", first), ("b", second))
            )
        )
    assert sum(decision.reservation is not None for decision in decisions) == 3


async def test_time_is_that_of_the_redis_server(redis_url: str, client: Redis) -> None:
    async with limits(redis_url) as backend:
        decision = await backend.reserve("r", subjects(Quota(rpm=1)), Charge())
    time = datetime.fromtimestamp(decision.timestamp.utc_ms / 1000, UTC)
    assert abs(time - datetime.now(UTC)) < timedelta(minutes=1)


async def test_flushed_scripts_are_loaded_again(redis_url: str, client: Redis) -> None:
    whose = subjects(Quota(concurrency=1))
    async with limits(redis_url) as backend:
        for number in range(3):
            reservation = await reserve(backend, f"r{number}", whose, Charge())
            await client.script_flush()
            await backend.settle(reservation, Charge())


async def test_all_keys_expire_and_escape_braces_in_names(redis_url: str, client: Redis) -> None:
    odd = Subject(kind="team", id="a}{b", team="a}{b", quota=Quota(rpm=5))
    async with limits(redis_url) as backend:
        await reserve(backend, "r", (odd,), Charge(tokens=5))
    names = sorted(await client.keys())
    assert names == redis_keys((odd,))
    assert names[0] == "relay:limits:{team:a%7D%7Bb}:team:a%7D%7Bb"
    for name in names:
        assert 86_400_000 < await client.pttl(name) <= 2 * 86_400_000


async def test_killed_process_frees_its_slots_and_its_tokens_count_as_used(
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
        await reserve(killed, "r1", whose, Charge(tokens=1000))
        await reserve(killed, "r2", whose, Charge(tokens=2000))
        await set_time(LEASE_SECONDS - 1)
        refused = await other.reserve("r3", whose, Charge(tokens=1))
        assert refused.exceeded is not None
        assert refused.exceeded.limit_type == "concurrency"
        await set_time(LEASE_SECONDS)
        reservation = (await other.reserve("r4", whose, Charge(tokens=1))).reservation
        assert reservation is not None
        await set_time(LEASE_SECONDS + 1)
        after = (await other.reserve("r5", whose, Charge(tokens=1))).counters[0]
        assert (after.in_flight, after.reserved_tokens, after.day_tokens) == (2, 2, 3002)
        assert after.token_ms == (3000 - 100) * 60_000  # one second of 6,000 per minute has drained


async def test_renewal_extends_only_live_leases(redis_url: str, client: Redis) -> None:
    whose = subjects(Quota(concurrency=5))
    leases = redis_keys(whose)[1]
    async with limits(redis_url) as backend:
        ended = await reserve(backend, "ended", whose, Charge(tokens=1))
        await reserve(backend, "living", whose, Charge(tokens=2))
        await backend.settle(ended, Charge())
        await client.zadd(leases, {"living:2": 1.0})
        await backend.renew()
        (renewed,) = await client.zrange(leases, 0, -1, withscores=True)
        seconds = int((await client.time())[0])
    assert renewed[0] == "living:2"
    assert abs(seconds + LEASE_SECONDS - float(renewed[1]) / 1000) < 30


async def test_request_cancelled_while_reserving_holds_nothing(redis_url: str, client: Redis) -> None:
    whose = subjects(Quota(concurrency=1))
    async with limits(redis_url) as backend:
        asking = asyncio.create_task(backend.reserve("r", whose, Charge()))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    async with limits(redis_url) as backend:
        await reserve(backend, "next", whose, Charge())


async def test_key_and_team_are_on_one_node_of_a_cluster() -> None:
    with redis_server("--cluster-enabled", "yes", port=free_cluster_port()) as url:
        async with Redis.from_url(url) as client, limits(url) as backend:
            await client.cluster("ADDSLOTS", *range(16_384))
            async with asyncio.timeout(20):
                while (await client.cluster("INFO"))["cluster_state"] != "ok":  # noqa: ASYNC110 -- Redis sends no event
                    await asyncio.sleep(0.05)
            whose = subjects(Quota(concurrency=1))
            reservation = await reserve(backend, "r1", whose, Charge(tokens=5))
            await backend.settle(reservation, Charge(tokens=2))
            await reserve(backend, "r2", whose, Charge())


async def test_outage_is_logged_once_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    sentence = f"the Redis of the limits at 127.0.0.1:{port} cannot be reached"
    caplog.set_level(logging.INFO, "proxy.redis_connection")
    async with limits(f"redis://:s3cret@127.0.0.1:{port}/0") as backend:
        for _ in range(3):
            with pytest.raises(BackendError) as error:
                await backend.reserve("r", subjects(Quota(rpm=1)), Charge())
            assert str(error.value) == sentence
        assert await backend.unavailable() == sentence
        with redis_server("--requirepass", "s3cret", port=port):
            assert await backend.unavailable() is None
            reservation = await reserve(backend, "r", subjects(Quota(concurrency=1)), Charge())
        await backend.settle(reservation, Charge())  # Redis is down again: the lease expires
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [
        f"{sentence}; see limits.on_backend_failure",
        f"the Redis of the limits at 127.0.0.1:{port} works again",
        f"{sentence}; see limits.on_backend_failure",
    ]


async def test_wrong_password_is_reported_without_the_password() -> None:
    with redis_server("--requirepass", "right") as url:
        async with limits(url.replace("redis://", "redis://:wr0ng@")) as backend:
            reason = await backend.unavailable()
    assert reason is not None
    assert reason.endswith("refuses the user or password of limits.redis_url")
    assert "wr0ng" not in reason


async def test_redis_without_memory_is_reported_by_its_error_code() -> None:
    with redis_server("--maxmemory", "1") as url:
        async with limits(url) as backend:
            with pytest.raises(BackendError, match=r"answers with an error \((OOM|OutOfMemoryError)\)$"):
                await backend.reserve("r", subjects(Quota(rpm=1)), Charge())


async def test_hanging_redis_delays_one_request_only() -> None:
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
                await backend.reserve("r", subjects(Quota(rpm=1)), Charge())
    assert asked == 1
    hanging.set()
    server.close()
