"""Several upstreams for a model: which ones are tried, in which order, and the one record."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.replay import (
    BREAK,
    STALL,
    Answer,
    Pause,
    Replay,
    events,
    json_answer,
    replaying,
    stream_answer,
)
from tests.support.running import Relay, running, settings

CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "1234"}]}
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
GOOD = json_answer({"model": "gpt-4o", "choices": [], "usage": USAGE})
SHORT = {"connect": 0.2, "first_byte": 0.3, "idle": 0.3}


@pytest.fixture
async def second() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        yield provider


def both(second_url: str, **first: Any) -> dict[str, Any]:
    """The upstreams: `openai` first, and `second` for the same models."""
    more = {"api": "openai", "base_url": f"{second_url}/v1", "models": ["gpt-*"], "price_provider": "openai"}
    return {"openai": {"timeouts": SHORT, "models": ["gpt-*"]} | first, "second": more | {"timeouts": SHORT}}


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay, second: Replay) -> AsyncIterator[Relay]:
    async with running(settings(tmp_path, provider.url, upstreams=both(second.url))) as relay:
        yield relay


def refusal(status: int, headers: dict[str, str] | None = None) -> Answer:
    return json_answer({"error": {"type": "x", "message": "no"}}, status=status, headers=headers)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
async def test_second_upstream_answers_when_the_first_refuses(
    relay: Relay, provider: Replay, second: Replay, status: int
) -> None:
    provider.will(refusal(status))
    second.will(GOOD)
    answer = await relay.post(CHAT, ASK)
    record = relay.record_of(answer)
    assert (answer.status, record.status, record.provider) == (200, 200, "second")
    assert [(tried.provider, tried.status) for tried in record.attempts] == [
        ("openai", status),
        ("second", 200),
    ]
    assert (record.total_tokens, record.usage_source, record.error) == (14, "provider", None)
    assert record.cost_usd == Decimal("0.000065")  # once: 10 in at 2.50 and 4 out at 10 per million
    assert len(relay.intents()) == 1


async def test_unreachable_upstream_is_skipped(tmp_path: Path, second: Replay) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with running(settings(tmp_path, url, upstreams=both(second.url))) as relay:
            second.will(stream_answer(events({"choices": [], "usage": USAGE})))
            answer = await relay.post(CHAT, ASK | {"stream": True})
            record = relay.record_of(answer)
    assert [(tried.provider, tried.status) for tried in record.attempts] == [
        ("openai", None),
        ("second", 200),
    ]
    assert (record.provider, record.total_tokens) == ("second", 14)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_client_errors_are_not_retried_elsewhere(
    relay: Relay, provider: Replay, second: Replay, status: int
) -> None:
    provider.will(refusal(status))
    answer = await relay.post(CHAT, ASK)
    assert (answer.status, relay.record_of(answer).provider, second.received) == (status, "openai", [])


@pytest.mark.parametrize("broken", [Answer(before=(BREAK,)), Answer(before=(STALL,))], ids=["broken", "slow"])
async def test_request_that_may_be_billed_is_not_sent_twice(
    relay: Relay, provider: Replay, second: Replay, broken: Answer
) -> None:
    provider.will(broken)
    answer = await relay.post(CHAT, ASK)
    record = relay.record_of(answer)
    assert (answer.status in {502, 504}, second.received, record.cost_usd) == (True, [], None)


async def test_no_fallback_after_the_first_byte(relay: Relay, provider: Replay, second: Replay) -> None:
    provider.will(stream_answer((events({"choices": [{"delta": {"content": "a"}}]}, done=False), BREAK)))
    answer = await relay.post(CHAT, ASK | {"stream": True})
    assert b"upstream_broken" in answer.body
    assert (relay.record_of(answer).status, second.received) == (502, [])


async def test_last_upstream_s_answer_is_delivered(relay: Relay, provider: Replay, second: Replay) -> None:
    provider.will(refusal(500))
    second.will(refusal(429, {"Retry-After": "7"}))
    answer = await relay.post(CHAT, ASK)
    record = relay.record_of(answer)
    assert (answer.status, answer.headers["Retry-After"], record.provider) == (429, "7", "second")
    assert (record.cost_usd, [tried.status for tried in record.attempts]) == (Decimal(0), [500, 429])


async def test_retry_after_opens_the_circuit_for_that_time(
    relay: Relay, provider: Replay, second: Replay
) -> None:
    provider.will(refusal(429, {"Retry-After": "0.3"}))
    second.default = lambda _: GOOD
    provider.default = lambda _: GOOD
    for _ in range(3):
        await relay.post(CHAT, ASK)
    assert (len(provider.received), len(second.received)) == (1, 3)
    await asyncio.sleep(0.4)
    await relay.post(CHAT, ASK)
    assert (len(provider.received), len(second.received)) == (2, 3)


async def test_each_upstream_gets_stream_options_as_it_supports_them(
    tmp_path: Path, provider: Replay, second: Replay
) -> None:
    upstreams = both(second.url, stream_usage="never", api_key_env="OPENAI_API_KEY")
    upstreams["second"] |= {"api_key_env": "ANTHROPIC_API_KEY", "auth": "api-key"}
    config = settings(tmp_path, provider.url, upstreams=upstreams, aliases={"fast": "gpt-4o"})
    async with running(config) as relay:
        provider.will(refusal(503))
        second.will(stream_answer(events({"choices": [], "usage": USAGE})))
        answer = await relay.post(CHAT, ASK | {"model": "fast", "stream": True})
        record = relay.record_of(answer)
    first, other = provider.received[0], second.received[0]
    assert (first.json()["model"], "stream_options" in first.json()) == ("gpt-4o", False)
    assert (other.json()["model"], other.json()["stream_options"]) == ("gpt-4o", {"include_usage": True})
    assert (first.headers["Authorization"], other.headers["api-key"]) == (
        "Bearer sk-of-openai",
        "sk-of-anthropic",
    )
    assert "Authorization" not in other.headers
    assert (record.model, answer.body) == ("fast", events())


@pytest.mark.parametrize("stream", [False, True])
async def test_answer_beyond_the_total_timeout_is_504(tmp_path: Path, provider: Replay, stream: bool) -> None:
    chunk = events({"choices": [{"delta": {"content": "1234"}}]}, done=False)
    slowly = tuple(step for _ in range(20) for step in (chunk, Pause(0.05)))
    timeouts = {"connect": 2, "first_byte": 2, "idle": 2, "total": 0.3}
    async with running(
        settings(tmp_path, provider.url, upstreams={"openai": {"timeouts": timeouts}})
    ) as relay:
        provider.will(stream_answer(slowly) if stream else Answer(before=(STALL,)))
        answer = await relay.post(CHAT, ASK | {"stream": stream})
        record = relay.record_of(answer)
    assert (record.status, b"upstream_timeout" in answer.body) == (504, True)
    assert record.usage_source == ("estimated" if stream else "none")
    assert record.error is not None
    assert "0.3 s" in record.error.message
