"""The clients of OpenAI and Anthropic wait as long as Relay says, or give up immediately."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anthropic
import openai
import pytest

from proxy.app import SERVICES
from proxy.limits.memory import MemoryLimits
from proxy.limits.rules import DAY_MS, Timestamp
from tests.support.replay import json_answer, replaying
from tests.support.running import Relay, running, settings

OPENAI_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Analytical"}}
    ],
    "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10},
}
ANTHROPIC_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Analytical"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 8, "output_tokens": 2},
}


class SleepingClock:
    """A clock for the limits that advances only while a client sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.ms = 20_000 * DAY_MS

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += int(seconds * 1000)

    def __call__(self) -> Timestamp:
        return Timestamp(ms=self.ms, utc_ms=self.ms)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SleepingClock:
    clock = SleepingClock()
    monkeypatch.setattr("anyio.sleep", clock.sleep)
    return clock


@pytest.fixture
async def relay(tmp_path: Path, clock: SleepingClock) -> AsyncIterator[Relay]:
    limits = {"defaults": {"rpm": 2, "tokens_per_day": 100}}
    async with replaying() as provider:
        provider.default = lambda received: json_answer(
            ANTHROPIC_ANSWER if received.path == "/v1/messages" else OPENAI_ANSWER
        )
        async with running(settings(tmp_path, provider.url, limits=limits)) as relay:
            backend = relay.app[SERVICES].limits.backend
            assert isinstance(backend, MemoryLimits)
            backend._clock = clock
            yield relay


async def ask_openai(relay: Relay, max_tokens: int) -> str | None:
    async with openai.AsyncOpenAI(api_key=relay.key, base_url=f"{relay.url}/v1") as client:
        answer = await client.chat.completions.create(
            model="gpt-4o", max_tokens=max_tokens, messages=[{"role": "user", "content": "what engine?"}]
        )
    return answer.choices[0].message.content


async def ask_anthropic(relay: Relay, max_tokens: int) -> str | None:
    async with anthropic.AsyncAnthropic(api_key=relay.key, base_url=relay.url) as client:
        answer = await client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=max_tokens,
            messages=[{"role": "user", "content": "what engine?"}],
        )
    return answer.content[0].text if answer.content[0].type == "text" else None


Ask = Callable[[Relay, int], Awaitable[str | None]]
CLIENTS = pytest.mark.parametrize("ask", [ask_openai, ask_anthropic])
TOO_MANY = (openai.RateLimitError, anthropic.RateLimitError)


@CLIENTS
async def test_client_waits_for_retry_after_and_is_served(
    ask: Ask, relay: Relay, clock: SleepingClock
) -> None:
    assert [await ask(relay, 10) for _ in range(4)] == ["Analytical"] * 4
    assert clock.slept == [30, 30]
    assert [record.status for record in relay.records()] == [200, 200, 429, 200, 429, 200]


@CLIENTS
async def test_client_does_not_retry_an_exhausted_daily_quota(
    ask: Ask, relay: Relay, clock: SleepingClock
) -> None:
    await ask(relay, 10)
    with pytest.raises(TOO_MANY, match="tokens_per_day") as error:
        await ask(relay, 82)
    assert clock.slept == []
    assert isinstance(error.value, TOO_MANY)
    assert error.value.response.headers["retry-after"] == str(DAY_MS // 1000)
    assert [record.limit_type for record in relay.records()] == [None, "tokens_per_day"]


@CLIENTS
async def test_client_does_not_retry_a_request_over_the_whole_limit(
    ask: Ask, relay: Relay, clock: SleepingClock
) -> None:
    with pytest.raises(TOO_MANY, match="this request alone may use more than"):
        await ask(relay, 1000)
    assert clock.slept == []
