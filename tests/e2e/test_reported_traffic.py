"""Every reported situation through the running proxy: tokens, cost, error, and what the client gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proxy.config.settings import Config
from proxy.segments.record import RequestLine
from tests.support.real_input import needs_real_input
from tests.support.replay import Answer, Replay
from tests.support.reported import SITUATIONS, Situation, upstreams
from tests.support.running import Relay, running, settings

pytestmark = needs_real_input


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    everywhere = Config.model_validate({"upstreams": upstreams(provider.url)}).upstreams
    config = settings(tmp_path, provider.url).model_copy(update={"upstreams": everywhere})
    async with running(config) as proxy:
        yield proxy


def _counted(record: RequestLine) -> dict[str, int]:
    return {
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "cached_tokens": record.cache_read_tokens,
        "cache_write_tokens": record.cache_write_tokens,
        "reasoning_tokens": record.reasoning_tokens,
    }


def _check_error(record: RequestLine, expected: bool | str | None) -> None:
    kind = record.error.type if record.error else None
    if expected is True:
        assert kind is not None
    elif isinstance(expected, str) and expected.startswith("!"):
        assert kind != expected[1:]
    elif isinstance(expected, str):
        assert kind == expected


def _requested_usage(request: dict[str, Any]) -> bool:
    return bool((request.get("stream_options") or {}).get("include_usage"))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
async def test_reported_situation(relay: Relay, provider: Replay, situation: Situation) -> None:
    provider.will(Answer(status=situation.status, headers=situation.headers, steps=(situation.body,)))
    answer = await relay.post(situation.path, situation.request)
    record = relay.record_of(answer)
    counted = _counted(record)
    expected = {name: count for name, count in situation.tokens.items() if count is not None}
    assert {name: counted[name] for name in expected if name in counted} == expected
    for name, value in situation.more.items():
        assert getattr(record, name) == value, name
    if situation.cost:
        costs = [None if text == "null" else Decimal(text) for text in situation.cost]
        assert record.cost_usd in costs
    _check_error(record, situation.error)
    is_stream = answer.headers["Content-Type"].startswith("text/event-stream")
    chat_stream = situation.path.endswith("/chat/completions") and is_stream
    if chat_stream and not _requested_usage(situation.request):
        assert b'"usage":{' not in answer.body.replace(b" ", b"")


def test_situations_are_all_here() -> None:
    assert len(SITUATIONS) == 47
