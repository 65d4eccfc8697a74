"""The cache of a running proxy: hits without cost, and requests that must not hit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from proxy.app import SERVICES
from proxy.cache.store import CachedAnswer, MemoryStore
from proxy.request import keys
from tests.support.cache_data import ASK, CHAT, GOOD, LAST, STREAM, TEXT, USAGE, is_hit
from tests.support.redis_server import redis_server
from tests.support.replay import (
    BREAK,
    Answer,
    Replay,
    events,
    json_answer,
    named_events,
    replaying,
    stream_answer,
)
from tests.support.running import Relay, running, settings


@pytest.fixture(params=["memory", "redis"])
async def relay(request: pytest.FixtureRequest, tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    if request.param == "memory":
        async with running(settings(tmp_path, provider.url, cache={"enabled": True})) as relay:
            yield relay
        return
    with redis_server() as url:
        cache = {"enabled": True, "backend": "redis", "redis_url": url}
        async with running(settings(tmp_path, provider.url, cache=cache)) as relay:
            yield relay


def stored_answers(relay: Relay) -> list[CachedAnswer]:
    """Return the answers in the store of the process."""
    store = relay.app[SERVICES].cache._store
    assert isinstance(store, MemoryStore)
    return list(store._answers.values())


async def test_hit_has_the_same_bytes_and_no_cost(relay: Relay, provider: Replay) -> None:
    provider.will(GOOD)
    first = await relay.post(CHAT, ASK)
    second = await relay.post(CHAT, ASK | {"user": "somebody"})
    assert (first.body, is_hit(first), is_hit(second)) == (second.body, False, True)
    assert first.headers["Content-Type"] == second.headers["Content-Type"]
    assert len(provider.received) == len(relay.intents()) == 1
    asked, hit = relay.record_of(first), relay.record_of(second)
    assert (asked.cache_hit, asked.total_tokens, asked.usage_source) == (False, 14, "provider")
    assert (hit.cache_hit, hit.total_tokens, hit.usage_source, hit.usage) == (True, 0, "cache", None)
    assert (hit.cost_usd, hit.status, hit.attempts, hit.upstream_model) == (Decimal(0), 200, (), "gpt-4o")
    assert await relay.metric("relay_cache_hits_total", model="gpt-4o") == 1
    assert await relay.metric("relay_cost_usd_total") == asked.cost_usd


async def test_stream_is_replayed_as_a_stream(relay: Relay, provider: Replay) -> None:
    provider.will(stream_answer(events(TEXT, LAST), cut=9))
    first = await relay.post(CHAT, STREAM)
    second = await relay.post(CHAT, STREAM)
    asked = await relay.post(CHAT, STREAM | {"stream_options": {"include_usage": True}})
    assert first.body == second.body == events(TEXT)  # the usage that Relay requested is removed again
    assert asked.body == events(TEXT, LAST)
    assert (is_hit(second), is_hit(asked), len(provider.received)) == (True, True, 1)
    hit = relay.record_of(second)
    assert (hit.stream, hit.total_tokens, hit.ttft_ms is not None, hit.cost_usd) == (
        True,
        0,
        True,
        Decimal(0),
    )


async def test_json_never_answers_a_stream(relay: Relay, provider: Replay) -> None:
    provider.will(GOOD, stream_answer(events(TEXT, LAST)))
    await relay.post(CHAT, ASK)
    streamed = await relay.post(CHAT, STREAM)
    assert (is_hit(streamed), streamed.body) == (False, events(TEXT))


async def test_stream_without_usage_does_not_answer_a_request_for_usage(
    relay: Relay, provider: Replay
) -> None:
    no = json_answer({"error": {"message": "unknown field stream_options"}}, status=400)
    provider.will(no, stream_answer(events(TEXT)), no)
    assert (await relay.post(CHAT, STREAM)).body == events(TEXT)
    asked = await relay.post(CHAT, STREAM | {"stream_options": {"include_usage": True}})
    assert (asked.status, is_hit(asked)) == (400, False)


async def test_teams_share_no_answers(relay: Relay, provider: Replay) -> None:
    provider.will(GOOD, GOOD)
    await relay.post(CHAT, ASK)
    other = keys.issue(relay.config.keys.file, user="bob", team="looms")
    relay.refresh_keys()
    answer = await relay.post(CHAT, ASK, {"Authorization": f"Bearer {other}"})
    assert (is_hit(answer), len(provider.received)) == (False, 2)


async def test_users_of_a_team_share_answers(relay: Relay, provider: Replay) -> None:
    provider.will(GOOD)
    await relay.post(CHAT, ASK)
    other = keys.issue(relay.config.keys.file, user="bob", team="engines")
    relay.refresh_keys()
    answer = await relay.post(CHAT, ASK, {"Authorization": f"Bearer {other}"})
    assert (is_hit(answer), relay.record_of(answer).user_id) == (True, "bob")


ERROR = {"error": {"type": "overloaded", "message": "busy"}}
NOT_CACHED: list[tuple[str, str, Any, Answer]] = [
    ("429", CHAT, ASK, json_answer(ERROR, status=429)),
    ("500", CHAT, ASK, json_answer(ERROR, status=500)),
    ("an error inside 200", CHAT, ASK, json_answer(ERROR)),
    ("HTML inside 200", CHAT, ASK, Answer(headers={"Content-Type": "text/html"}, steps=(b"<p>",), length=3)),
    ("201", CHAT, ASK, json_answer({"usage": USAGE}, status=201)),
    ("an error event", CHAT, STREAM, stream_answer(events(TEXT, ERROR))),
    ("a stream without its end", CHAT, STREAM, stream_answer(events(TEXT, done=False))),
    ("a stream that breaks", CHAT, STREAM, stream_answer((events(TEXT, done=False), BREAK))),
    ("a stream for JSON", CHAT, ASK, stream_answer(events(TEXT, LAST))),
    ("JSON for a stream", CHAT, STREAM, GOOD),
    ("a queued response", "/v1/responses", ASK, json_answer({"status": "queued"})),
    ("an incomplete response", "/v1/responses", ASK, json_answer({"status": "incomplete", "usage": USAGE})),
    ("the provider's tools", CHAT, ASK | {"tools": [{"type": "web_search"}]}, GOOD),
    ("background", "/v1/responses", ASK | {"background": True}, json_answer({"status": "completed"})),
]


@pytest.mark.parametrize(
    ("path", "body", "answer"), [row[1:] for row in NOT_CACHED], ids=[row[0] for row in NOT_CACHED]
)
async def test_only_complete_answers_of_status_200_are_cached(
    tmp_path: Path, provider: Replay, path: str, body: Any, answer: Answer
) -> None:
    async with running(settings(tmp_path, provider.url, cache={"enabled": True})) as relay:
        provider.will(answer, answer)
        await relay.post(path, body)
        assert not is_hit(await relay.post(path, body))
        assert len(provider.received) == 2


async def test_personal_data_is_restored_per_client_and_not_stored(tmp_path: Path, provider: Replay) -> None:
    config = settings(tmp_path, provider.url, cache={"enabled": True}, pii={"enabled": True})

    def mail(address: str) -> dict[str, Any]:
        return ASK | {"messages": [{"role": "user", "content": f"write to {address}"}]}

    async with running(config) as relay:
        provider.will(
            json_answer({"choices": [{"message": {"content": "to <EMAIL_ADDRESS_1>"}}], "usage": USAGE})
        )
        first = await relay.post(CHAT, mail("ada@example.com"))
        second = await relay.post(CHAT, mail("bob@example.com"))
        assert (b"to ada@example.com" in first.body, b"to bob@example.com" in second.body) == (True, True)
        assert (is_hit(second), relay.record_of(second).pii_entities) == (True, {"EMAIL_ADDRESS": 1})
        stored = [entry.body for entry in stored_answers(relay)]
        assert not any(re.search(b"@example", body) for body in stored)


async def test_anthropic_stream_is_replayed_with_its_events(relay: Relay, provider: Replay) -> None:
    start = {"type": "message_start", "message": {"model": "claude-haiku-4-5", "usage": {"input_tokens": 5}}}
    body = named_events(
        start,
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    )
    provider.will(stream_answer(body, cut=11))
    ask = {"model": "claude-haiku-4-5", "messages": [], "max_tokens": 5, "stream": True}
    first, second = await relay.post("/v1/messages", ask), await relay.post("/v1/messages", ask)
    other = {"anthropic-beta": "context-1m"}
    provider.will(stream_answer(body))
    third = await relay.post("/v1/messages", ask, other)
    assert (first.body, second.body) == (body, body)
    assert (is_hit(second), is_hit(third)) == (True, False)


async def test_hit_counts_against_requests_but_not_tokens(tmp_path: Path, provider: Replay) -> None:
    limits = {"defaults": {"rpm": 2, "tpm": 2000}}
    async with running(settings(tmp_path, provider.url, cache={"enabled": True}, limits=limits)) as relay:
        provider.will(GOOD)
        answers = [await relay.post(CHAT, ASK) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    remaining = [answer.headers["x-ratelimit-remaining-tokens"] for answer in answers[:2]]
    assert int(remaining[1]) <= int(remaining[0])


async def test_answer_of_a_fallback_is_not_cached_for_the_first_upstream(
    tmp_path: Path, provider: Replay
) -> None:
    async with replaying() as second:
        more = {"api": "openai", "base_url": f"{second.url}/v1", "models": ["gpt-*"]}
        config = settings(tmp_path, provider.url, cache={"enabled": True}, upstreams={"second": more})
        async with running(config) as relay:
            provider.will(json_answer(ERROR, status=500), GOOD)
            second.will(GOOD)
            answers = [await relay.post(CHAT, ASK) for _ in range(3)]
            assert [is_hit(answer) for answer in answers] == [False, False, True]
            assert [relay.record_of(answer).provider for answer in answers] == ["second", "openai", "openai"]


async def test_failing_redis_is_an_empty_cache(tmp_path: Path, provider: Replay) -> None:
    with redis_server() as url:
        pass  # the server has stopped
    cache = {"enabled": True, "backend": "redis", "redis_url": url}
    async with running(settings(tmp_path, provider.url, cache=cache)) as relay:
        provider.will(GOOD, GOOD)
        answers = [await relay.post(CHAT, ASK) for _ in range(2)]
    assert [(answer.status, is_hit(answer)) for answer in answers] == [(200, False)] * 2


async def test_full_redis_is_logged_once_and_still_read(
    tmp_path: Path, provider: Replay, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "proxy.redis_connection")
    with redis_server() as url:
        cache = {"enabled": True, "backend": "redis", "redis_url": url}
        async with running(settings(tmp_path, provider.url, cache=cache)) as relay, Redis.from_url(url) as it:
            provider.default = lambda _: GOOD
            await relay.post(CHAT, ASK)
            await it.config_set("maxmemory", "1")
            for seed in range(3):
                assert not is_hit(await relay.post(CHAT, ASK | {"seed": seed}))
                assert is_hit(await relay.post(CHAT, ASK))
            await it.config_set("maxmemory", "0")
            await relay.post(CHAT, ASK | {"seed": 1})
            assert is_hit(await relay.post(CHAT, ASK | {"seed": 1}))
    full, works = [record.message for record in caplog.records]
    assert full.endswith("OutOfMemoryError); requests are answered without the cache")
    assert works.endswith("works again")


async def test_processes_share_answers_in_redis(tmp_path: Path, provider: Replay) -> None:
    with redis_server() as url:
        cache = {"enabled": True, "backend": "redis", "redis_url": url}
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        async with (
            running(settings(tmp_path / "a", provider.url, cache=cache)) as one,
            running(settings(tmp_path / "b", provider.url, cache=cache)) as other,
        ):
            provider.will(GOOD)
            first, second = await one.post(CHAT, ASK), await other.post(CHAT, ASK)
    assert (first.body, is_hit(second)) == (second.body, True)


async def test_cache_is_disabled_by_default(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url)) as relay:
        provider.will(GOOD, GOOD)
        assert not any([is_hit(await relay.post(CHAT, ASK)) for _ in range(2)])
