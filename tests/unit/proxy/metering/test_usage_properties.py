"""Properties of every usage object, tried on arbitrary JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.usage import TokenUsage
from proxy.metering.usage_anthropic import from_anthropic, merge_usage
from proxy.metering.usage_openai import from_openai
from proxy.segments.record import UsageRecord, from_line, to_line
from tests.support.arbitrary import OBJECTS, UNTIMED, read

READERS = pytest.mark.parametrize("reader", [from_openai, from_anthropic])
COUNTS = st.integers(0, 10_000)
OPENAI_USAGES = st.fixed_dictionaries(
    {"prompt_tokens": COUNTS, "completion_tokens": COUNTS},
    optional={
        "total_tokens": COUNTS,
        "prompt_tokens_details": st.dictionaries(
            st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens"]), COUNTS
        ),
        "completion_tokens_details": st.dictionaries(
            st.sampled_from(["reasoning_tokens", "audio_tokens"]), COUNTS
        ),
        "cached_tokens": COUNTS,
        "prompt_cache_hit_tokens": COUNTS,
    },
)


def check_parts(usage: TokenUsage) -> None:
    assert 0 <= usage.cache_read_tokens + usage.cache_write_tokens <= usage.prompt_tokens
    assert 0 <= usage.cache_write_1h_tokens <= usage.cache_write_tokens
    assert 0 <= usage.prompt_audio_tokens <= usage.prompt_tokens
    assert 0 <= usage.reasoning_tokens <= usage.completion_tokens
    assert 0 <= usage.completion_audio_tokens <= usage.completion_tokens
    assert usage.web_searches >= 0
    assert usage.reported_cost is None or usage.reported_cost >= 0


def record_of(usage: TokenUsage) -> UsageRecord:
    return UsageRecord(
        request_id="req_1",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        user_id="u",
        team_id="t",
        model="m",
        status=200,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage=usage.raw,
    )


@READERS
@UNTIMED
@given(raw=OBJECTS)
def test_any_json_object_gives_consistent_counts_or_none(reader: Any, raw: dict[str, Any]) -> None:
    usage = reader(read(raw))
    if usage is None:
        return
    for part in (usage, *usage.billed):
        check_parts(part)
    assert from_line(to_line(record_of(usage), 1)).usage == usage.raw == read(raw)


@UNTIMED
@given(raw=OPENAI_USAGES)
def test_parts_of_openai_usage_never_exceed_their_total(raw: dict[str, Any]) -> None:
    usage = from_openai(raw)
    assert usage is not None
    check_parts(usage)
    assert usage.prompt_tokens == raw["prompt_tokens"]
    assert usage.completion_tokens >= raw["completion_tokens"]


@UNTIMED
@given(
    parts=st.lists(
        st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "x"]), st.none() | COUNTS),
        max_size=6,
    )
)
def test_merged_usage_keeps_the_last_value_that_is_not_null(parts: list[dict[str, Any]]) -> None:
    merged: dict[str, Any] = {}
    for part in parts:
        merged = merge_usage(merged, part)
    for name in ("input_tokens", "output_tokens", "x"):
        values = [part[name] for part in parts if part.get(name) is not None]
        assert merged.get(name) == (values[-1] if values else None)


@UNTIMED
@given(
    turns=st.lists(
        st.fixed_dictionaries(
            {"input_tokens": COUNTS, "output_tokens": COUNTS, "cache_read_input_tokens": COUNTS},
            optional={"type": st.sampled_from(["message", "compaction", "advisor_message"])},
        ),
        min_size=1,
        max_size=6,
    )
)
def test_priced_iterations_add_up_to_the_counted_tokens(turns: list[dict[str, Any]]) -> None:
    usage = from_anthropic({"input_tokens": 0, "output_tokens": 0, "iterations": turns})
    assert usage is not None
    assert usage.completion_tokens == sum(part.completion_tokens for part in usage.billed)
    assert usage.prompt_tokens == sum(part.prompt_tokens for part in usage.billed)
    assert usage.completion_tokens == sum(turn["output_tokens"] for turn in turns)
