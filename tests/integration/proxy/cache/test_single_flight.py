"""Single flight: one request asks the provider, equal requests follow its answer as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from proxy.app import SERVICES
from tests.support.cache_data import ASK, CHAT, GOOD, LAST, STREAM, TEXT, is_hit
from tests.support.replay import BREAK, STALL, Answer, Pause, Replay, Step, events, json_answer, stream_answer
from tests.support.running import Relay, running, settings, until

ERROR = {"error": {"type": "overloaded", "message": "busy"}}


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    async with running(settings(tmp_path, provider.url, cache={"enabled": True})) as relay:
        yield relay


async def test_equal_concurrent_requests_are_sent_once(relay: Relay, provider: Replay) -> None:
    go = asyncio.Event()
    provider.will(Answer(headers=GOOD.headers, before=(go,), steps=GOOD.steps, length=GOOD.length))
    asking = [asyncio.create_task(relay.post(CHAT, ASK)) for _ in range(20)]
    await until(lambda: relay.active() == 20)
    go.set()
    answers = await asyncio.gather(*asking)
    assert len({answer.body for answer in answers}) == len(provider.received) == 1
    assert sum(is_hit(answer) for answer in answers) == 19
    records = relay.records()
    assert (len(records), sum(record.total_tokens for record in records)) == (20, 14)


async def test_follower_gets_a_stream_as_it_arrives(relay: Relay, provider: Replay) -> None:
    go = asyncio.Event()
    begun = events(TEXT, done=False)
    provider.will(stream_answer((begun, go, events(LAST))))
    async with relay.open(CHAT, STREAM) as first, relay.open(CHAT, STREAM) as second:
        assert await first.content.readexactly(len(begun)) == begun
        assert await second.content.readexactly(len(begun)) == begun
        go.set()
        assert await first.read() == await second.read() == events()
    assert (second.headers["x-relay-cache"], len(provider.received)) == ("hit", 1)


async def test_followers_continue_after_the_leader_disconnects(tmp_path: Path, provider: Replay) -> None:
    config = settings(tmp_path, provider.url, cache={"enabled": True}, server={"drain_seconds": 0.1})
    begun = events(TEXT, done=False)
    slowly: tuple[Step, ...] = (b": on\n\n", Pause(0.2)) * 4
    async with running(config) as relay:
        provider.will(stream_answer((begun, *slowly, events(LAST))))
        first = await relay.open(CHAT, STREAM)
        async with relay.open(CHAT, STREAM) as second:
            assert await first.content.readexactly(len(begun)) == begun
            first.close()
            assert (await second.read()).endswith(events())
        await until(lambda: not relay.active())
        left, stayed = sorted(relay.records(), key=lambda record: -record.status)
    assert (left.status, left.total_tokens, left.usage_source) == (499, 14, "provider")
    assert (stayed.status, stayed.total_tokens, stayed.usage_source) == (200, 0, "cache")


async def test_followers_of_a_failed_answer_are_sent_upstream(relay: Relay, provider: Replay) -> None:
    go = asyncio.Event()
    refused = json_answer(ERROR, status=500)
    provider.will(Answer(status=500, headers=refused.headers, before=(go,), steps=refused.steps), GOOD)
    first = asyncio.create_task(relay.post(CHAT, ASK))
    await until(lambda: provider.received)
    second = asyncio.create_task(relay.post(CHAT, ASK))
    await until(lambda: relay.active() == 2)
    go.set()
    assert ((await first).status, (await second).status, is_hit(await second)) == (500, 200, False)


async def test_followers_of_a_broken_stream_get_the_error_without_cost(
    relay: Relay, provider: Replay
) -> None:
    go = asyncio.Event()
    provider.will(stream_answer((events(TEXT, done=False), go, BREAK)))
    async with relay.open(CHAT, STREAM) as first, relay.open(CHAT, STREAM) as second:
        await first.content.readany()
        await second.content.readany()
        go.set()
        assert b"upstream_broken" in await first.read()
        assert b"upstream_broken" in await second.read()
    followed = next(record for record in relay.records() if record.cache_hit)
    assert (followed.status, followed.total_tokens, followed.cost_usd) == (502, 0, Decimal(0))


async def test_follower_that_disconnects_is_not_sent_upstream(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, cache={"enabled": True})) as relay:
        provider.will(Answer(before=(STALL,)), GOOD)
        first = asyncio.create_task(relay.post(CHAT, ASK))
        await until(lambda: provider.received)
        second = asyncio.create_task(relay.post(CHAT, ASK))
        await until(lambda: relay.active() == 2)
        second.cancel()
        await asyncio.sleep(0.05)
        provider.close()  # the upstream disconnects
        assert (await first).status == 502
        await until(lambda: not relay.active())
        left = next(record for record in relay.records() if record.status == 499)
    assert (left.attempts, left.cost_usd, len(provider.received)) == ((), Decimal(0), 1)


async def test_abandoned_answer_is_not_joined(tmp_path: Path, provider: Replay) -> None:
    config = settings(tmp_path, provider.url, cache={"enabled": True}, server={"drain_seconds": 0.3})
    async with running(config) as relay:
        provider.will(stream_answer((events(TEXT, done=False), STALL)), stream_answer(events(TEXT, LAST)))
        first = await relay.open(CHAT, STREAM)
        await first.content.readany()
        first.close()
        (flight,) = relay.app[SERVICES].cache._flights.values()
        await until(lambda: flight._abandoned)
        second = await relay.post(CHAT, STREAM)
        assert (second.body.endswith(events()), is_hit(second)) == (True, False)
        await until(lambda: not relay.active())
        assert sorted(record.status for record in relay.records()) == [200, 499]
