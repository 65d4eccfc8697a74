"""The span of a record: reproducible, exact, and with the attributes that Langfuse reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse import Langfuse

from etl.content.reader import CapturedContent
from etl.langfuse.span import SPAN_NAME, from_milliseconds, resource_spans, span_ids, started_ms, to_span
from proxy.segments.record import Fault, UsageRecord
from tests.support.langfuse.spans import Stored, checked, read_spans
from tests.support.langfuse.state import PUBLIC_KEY
from tests.support.report_data import MOMENTS, record, usage_records


def stored(
    one: UsageRecord, content: CapturedContent | None = None, environment: str = "production"
) -> Stored:
    """The row that a server stores for the record."""
    span = to_span(one, started_ms(one.created_at), content, environment)
    body = {"resourceSpans": resource_spans([span], PUBLIC_KEY)}
    checked(body)
    (found,) = read_spans(json.loads(json.dumps(body)), PUBLIC_KEY)
    return found


@given(usage_records())
def test_every_record_becomes_a_span_valid_by_the_schema(one: UsageRecord) -> None:
    found = stored(one)
    assert (found.name, found.type, found.user_id, found.model) == (
        SPAN_NAME,
        "GENERATION",
        one.user_id,
        one.model,
    )
    assert found.metadata["request_id"] == one.request_id
    assert found.level == ("ERROR" if one.is_error else "DEFAULT")


@given(usage_records())
def test_tokens_and_cost_are_exact(one: UsageRecord) -> None:
    found = stored(one)
    assert (found.input_tokens, found.output_tokens) == (one.prompt_tokens, one.completion_tokens)
    assert found.usage["total"] == one.total_tokens
    assert found.priced == (one.cost_usd is not None)
    assert not found.priced or found.cost == one.cost_usd


@given(MOMENTS)
def test_start_is_truncated_to_milliseconds(created_at: datetime) -> None:
    again = from_milliseconds(started_ms(created_at))
    assert again <= created_at < again + timedelta(milliseconds=1)
    assert started_ms(again) == started_ms(created_at)


@given(st.text(min_size=1))
def test_ids_are_those_of_the_langfuse_package(seed: str) -> None:
    trace_id, span_id = span_ids(seed)
    assert trace_id == Langfuse.create_trace_id(seed=seed)
    assert span_id == trace_id[:16]


@given(
    st.text(max_size=20) | st.sampled_from(["17", "true", "null", '"a"', "[]", "{}", "-1e5", " 1 ", "NaN"])
)
def test_metadata_values_are_returned_as_text(name: str) -> None:
    found = stored(record(team_id=name, provider=name)).metadata
    assert all(isinstance(value, str) for value in found.values())


CACHED = record(prompt_tokens=100, completion_tokens=7, total_tokens=107, cache_read_tokens=60)

USAGE = [
    # nothing cached
    (record(), {"input": 10, "input_cached_tokens": 0, "input_cache_creation": 0, "output": 1, "total": 11}),
    # the part of the prompt that was read from the cache counts once
    (
        CACHED,
        {"input": 40, "input_cached_tokens": 60, "input_cache_creation": 0, "output": 7, "total": 107},
    ),
]


@pytest.mark.parametrize(("one", "usage"), USAGE)
def test_usage_classes_are_disjoint(one: UsageRecord, usage: dict[str, int]) -> None:
    assert stored(one).usage == usage


ATTRIBUTES: list[tuple[UsageRecord, str, Any]] = [
    # twelve digits are preserved
    (record(cost_usd=Decimal("0.000000000001")), "observation.cost_details", '{"total":0.000000000001}'),
    # nothing was billed
    (record(cost_usd=Decimal(0)), "observation.cost_details", '{"total":0}'),
    # unknown price: no cost, and a tag
    (record(cost_usd=None), "observation.cost_details", None),
    (record(cost_usd=None), "trace.tags", ("search", "unpriced")),
    (record(), "trace.tags", ("search",)),
    # arrival was at 1:00, the first token 250.9 ms later
    (record(ttft_ms=Decimal("250.9")), "observation.completion_start_time", "2026-10-01T01:00:00.250Z"),
    (record(), "observation.completion_start_time", None),
    (record(status=502), "observation.status_message", "HTTP 502"),
    (
        record(error=Fault(type="overloaded", message="not exported")),
        "observation.status_message",
        "overloaded",
    ),
    (record(stream=True), "observation.model.parameters", '{"stream":true}'),
    (record(), "environment", "production"),
    # without captured content there is neither prompt nor completion
    (record(), "observation.input", None),
]


@pytest.mark.parametrize(("one", "attribute", "value"), ATTRIBUTES)
def test_span_attribute(one: UsageRecord, attribute: str, value: Any) -> None:
    assert stored(one).attributes.get(f"langfuse.{attribute}") == value


def test_span_contains_captured_content_and_parameters() -> None:
    asked = '{"model":"gpt-5","temperature":0.2,"max_tokens":64,"messages":[{"role":"user","content":"hi"}]}'
    content = CapturedContent(request_id="r", created_at=datetime.now(UTC), input=asked, output='"hello"')
    found = stored(record(), content).attributes
    assert found["langfuse.observation.input"] == asked
    assert found["langfuse.observation.output"] == '"hello"'
    parameters = json.loads(found["langfuse.observation.model.parameters"])
    assert parameters == {"stream": False, "temperature": 0.2, "max_tokens": 64}


def test_times_are_texts_in_whole_milliseconds() -> None:
    one = record(created_at=datetime(2026, 11, 1, 9, 30, 0, 123_999, tzinfo=UTC), latency_ms=Decimal("10.7"))
    span = to_span(one, started_ms(one.created_at), None, "default")
    assert span["startTimeUnixNano"] == "1793525400123000000"
    assert span["endTimeUnixNano"] == "1793525400133000000"
