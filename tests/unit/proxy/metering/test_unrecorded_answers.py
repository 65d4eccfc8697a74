"""Answers without a recording: their counts, costs and faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from proxy.config.prices import PriceOverride
from proxy.config.upstreams import Upstream
from proxy.errors import api_of
from proxy.exchange.stream_filter import StreamFilter
from proxy.limits.estimate import estimated_usage
from proxy.metering.answer import AnswerReader
from proxy.metering.prices import Price, PriceTable
from proxy.metering.record_builder import Outcome, make_record
from proxy.metering.usage import TokenUsage
from proxy.metering.usage_anthropic import from_anthropic
from proxy.metering.usage_openai import from_openai
from proxy.request.call import read_call
from proxy.request.context import Request
from proxy.request.keys import Key
from proxy.segments.record import UsageRecord, from_line, to_line
from tests.support.replay import events, named_events

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
PRICES = PriceTable(
    (
        PriceOverride(
            model="m",
            input_mtok=Decimal(4),
            output_mtok=Decimal(8),
            cache_read_mtok=Decimal(1),
            cache_write_mtok=Decimal(5),
        ),
    )
)


def unwritten(reading: AnswerReader, endpoint: str) -> UsageRecord:
    """The record of a request that was answered 200."""
    api = api_of(endpoint)
    request = Request(
        request_id="req_1",
        created_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        endpoint=endpoint,
        key=Key(id="k", user="ada", team="engines", hash="", created_at=datetime(2026, 1, 1, tzinfo=UTC)),
        call=read_call(endpoint, "POST", b'{"model": "m", "messages": [{"content": "12345678"}]}'),
        resolved_model="m",
        upstream=Upstream.model_validate({"name": "up", "api": api, "base_url": "http://x.example"}),
    )
    return make_record(request, reading, Outcome(status=200, billable=True), PRICES, Decimal(1))


def record(reading: AnswerReader, endpoint: str) -> UsageRecord:
    """The same, written and read back."""
    return from_line(to_line(unwritten(reading, endpoint), 2))


def from_body(body: bytes, endpoint: str) -> UsageRecord:
    reading = AnswerReader(api_of(endpoint))
    reading.read_body(body)
    return record(reading, endpoint)


def from_stream(body: bytes, endpoint: str) -> UsageRecord:
    """As it is read when it comes in parts of seven bytes."""
    reading = AnswerReader(api_of(endpoint))
    stream = StreamFilter(reading, drop_usage=False)
    for at in range(0, len(body), 7):
        stream.feed(body[at : at + 7])
    stream.end()
    return record(reading, endpoint)


def bill(record: UsageRecord) -> tuple[int, int, int, int, int, str]:
    """Prompt, completion, cache read, cache write, reasoning, cost."""
    return (
        record.prompt_tokens,
        record.completion_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.reasoning_tokens,
        f"{record.cost_usd:f}".rstrip("0") if record.cost_usd is not None else "null",
    )


def chunk(**more: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": {"content": "hi"}}]} | more


DIALECTS: list[tuple[str, dict[str, Any], tuple[int, int, int, int, int, str]]] = [
    ("Cerebras: predictions and image tokens beside the counts",
     {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
      "prompt_tokens_details": {"cached_tokens": 64, "image_tokens": 0},
      "completion_tokens_details": {"reasoning_tokens": 30, "accepted_prediction_tokens": 0}},
     (100, 50, 64, 0, 30, "0.000608")),
    ("Fireworks, Nebius: details that are null", {"prompt_tokens": 100, "completion_tokens": 50,
     "total_tokens": 150, "prompt_tokens_details": None, "completion_tokens_details": None},
     (100, 50, 0, 0, 0, "0.0008")),
    ("Moonshot: cached tokens at the top", {"prompt_tokens": 100, "completion_tokens": 50,
     "total_tokens": 150, "cached_tokens": 60}, (100, 50, 60, 0, 0, "0.00062")),
    ("Groq: times, and no total", {"prompt_tokens": 100, "completion_tokens": 50, "queue_time": 0.01,
     "total_time": 0.2, "completion_tokens_details": {"reasoning_tokens": 20}},
     (100, 50, 0, 0, 20, "0.0008")),
    ("a total without a prompt", {"completion_tokens": 50, "total_tokens": 150},
     (100, 50, 0, 0, 0, "0.0008")),
    ("a null total", {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": None},
     (100, 50, 0, 0, 0, "0.0008")),
    ("xAI, Responses: sources and tools beside the counts",
     {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 50,
      "output_tokens_details": {"reasoning_tokens": 45}, "total_tokens": 150, "num_sources_used": 2},
     (100, 50, 40, 0, 45, "0.00068")),
    ("xAI without a total: reasoning that is more than the completion cannot stand inside it",
     {"prompt_tokens": 32, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 94}},
     (32, 103, 0, 0, 94, "0.000952")),
    ("Perplexity deep research: reasoning beside completion and total",
     {"prompt_tokens": 33, "completion_tokens": 7_000, "total_tokens": 7_033, "citation_tokens": 20_016,
      "reasoning_tokens": 95_000, "cost": {"total_cost": 0.9}}, (33, 102_000, 0, 0, 95_000, "0.9")),
    ("Qwen: what the explicit cache wrote is billed at its own price",
     {"prompt_tokens": 3_019, "completion_tokens": 100, "total_tokens": 3_119, "prompt_tokens_details": {
         "cached_tokens": 0, "cache_creation_input_tokens": 2_048, "cache_type": "ephemeral"}},
     (3_019, 100, 0, 2_048, 0, "0.014924")),
    ("Claude behind a gateway: Anthropic's cache counts beside OpenAI's names",
     {"prompt_tokens": 3_000, "completion_tokens": 100, "total_tokens": 3_100,
      "cache_read_input_tokens": 1_000, "cache_creation_input_tokens": 500},
     (3_000, 100, 1_000, 500, 0, "0.0103")),
]  # fmt: skip
NAMES = [row[0] for row in DIALECTS]


def ways(usage: dict[str, Any]) -> Iterator[tuple[str, UsageRecord]]:
    """The same usage in JSON and wherever a stream may have it."""
    endpoint = RESPONSES if "input_tokens" in usage else CHAT
    yield "JSON", from_body(json.dumps({"model": "m", "usage": usage}).encode(), endpoint)
    if endpoint == RESPONSES:
        last = {"type": "response.completed", "response": {"model": "m", "usage": usage}}
        yield "completed", from_stream(named_events({"type": "response.created"}, last), endpoint)
        return
    yield "extra chunk", from_stream(events(chunk(usage=None), {"choices": [], "usage": usage}), CHAT)
    yield (
        "every chunk, CRLF",
        from_stream(events(chunk(usage=usage), chunk(usage=usage)).replace(b"\n", b"\r\n"), CHAT),
    )
    yield "x_groq, no [DONE]", from_stream(events(chunk(x_groq={"usage": usage}), done=False), CHAT)


@pytest.mark.parametrize(("usage", "expected"), [row[1:] for row in DIALECTS], ids=NAMES)
def test_usage_is_read_alike_in_json_and_anywhere_in_a_stream(
    usage: dict[str, Any], expected: tuple[int, int, int, int, int, str]
) -> None:
    found = {way: bill(made) for way, made in ways(usage)}
    assert found == dict.fromkeys(found, expected)


def test_reported_cost_on_the_anthropic_route_is_used() -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cost": 0.0123, "is_byok": False}
    made = from_body(json.dumps({"model": "m", "content": [], "usage": usage}).encode(), MESSAGES)
    assert (made.price_source, made.cost_usd) == ("provider", Decimal("0.0123"))


SEED = {"input_tokens": 40, "output_tokens": 1}
START = {"type": "message_start", "message": {"model": "m", "usage": SEED}}
TEXT = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * 400}}
ENDS: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("no usage", {"type": "message_delta"}, (100, "estimated")),
    ("an empty usage", {"type": "message_delta", "usage": {}}, (100, "estimated")),
    ("a null count", {"type": "message_delta", "usage": {"output_tokens": None}}, (100, "estimated")),
    ("server tools alone", {"type": "message_delta", "usage": {"server_tool_use": {}}}, (100, "estimated")),
    ("a count", {"type": "message_delta", "usage": {"input_tokens": None, "output_tokens": 77}},
     (77, "provider")),
]  # fmt: skip


@pytest.mark.parametrize(("delta", "expected"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_initial_count_of_an_anthropic_stream_is_not_its_output(
    delta: dict[str, Any], expected: tuple[int, str]
) -> None:
    made = from_stream(named_events(START, TEXT, delta, {"type": "message_stop"}), MESSAGES)
    assert (made.prompt_tokens, made.completion_tokens, made.usage_source) == (40, *expected)


USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
BODY = {"model": "m", "choices": [{"message": {"content": "hi"}}], "usage": USAGE}
FAULTS: list[tuple[str, str, dict[str, Any], bool]] = [
    ("OpenRouter: an error in a choice", CHAT,
     {"choices": [{"error": {"code": 502, "message": "x"}, "finish_reason": "error"}], "usage": USAGE}, True),
    ("Responses: failed, without saying why", RESPONSES, {"status": "failed", "error": None}, True),
    ("an error", CHAT, BODY | {"error": {"type": "x"}}, True),
    ("a null error", CHAT, BODY | {"error": None}, False),
    ("an empty error text", CHAT, BODY | {"error": ""}, False),
    ("an empty error object", CHAT, BODY | {"error": {}}, False),
    ("a refusal is an answer", CHAT, BODY | {"choices": [{"message": {"refusal": "no"}}]}, False),
    ("incomplete is an answer", RESPONSES, {"status": "incomplete", "error": None, "usage": USAGE}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "body", "failed"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_200_is_an_error_only_when_it_reports_one(endpoint: str, body: dict[str, Any], failed: bool) -> None:
    made = from_body(json.dumps(body).encode(), endpoint)
    assert made.is_error == failed


def test_failed_response_without_a_reason_is_an_error() -> None:
    last = {"type": "response.failed", "response": {"status": "failed", "error": None, "usage": None}}
    assert from_stream(named_events({"type": "response.created"}, last), RESPONSES).is_error


def test_comments_before_json_are_skipped() -> None:
    body = b": keep-alive\n\n: keep-alive\n\n" + json.dumps(BODY).encode()
    assert bill(from_body(body, CHAT))[:2] == (10, 4)


@pytest.mark.parametrize("body", [b"", b": still here\n\n: still here\n\n", b"<html>busy</html>"])
def test_stream_without_events_is_an_error_like_an_empty_body(body: bytes) -> None:
    made = from_stream(body, CHAT)
    assert (made.is_error, made.usage_source) == (True, "none")


def deep(line: bytes, frames: int) -> UsageRecord:
    """Reads a line so many calls deep, as a loader does."""
    return from_line(line) if frames == 0 else deep(line, frames - 1)


@pytest.mark.parametrize("depth", [30, 500, 900])
def test_record_with_deeply_nested_usage_is_readable(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    reading = AnswerReader("openai")
    reading.read_body(f'{{"usage":{{"prompt_tokens":1,"completion_tokens":2,"x":{nested}}}}}'.encode())
    assert deep(to_line(unwritten(reading, CHAT), 2), 300).completion_tokens == 2


def priced(usage: TokenUsage | None, url: str, model: str) -> Price:
    """What genai-prices says."""
    assert usage is not None
    upstream = Upstream.model_validate({"name": "up", "api": "openai", "base_url": url})
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    return PriceTable().price(usage, upstream=upstream, models=[model], at=at, tier=None)


def test_unit_prices_show_both_tiers_of_iterations() -> None:
    turns = [
        {"type": "message", "input_tokens": 250_000, "output_tokens": 10},
        {"type": "compaction", "input_tokens": 1_000, "output_tokens": 20},
    ]
    usage = from_anthropic({"input_tokens": 250_000, "output_tokens": 10, "iterations": turns})
    price = priced(usage, "https://api.anthropic.com", "claude-sonnet-4-5")
    assert price.cost_usd == Decimal("1.503525")
    assert {"3", "6", "15", "22.5"} <= set((price.unit_prices or {}).values())


def test_unit_prices_show_the_fee_per_request() -> None:
    usage = from_openai({"prompt_tokens": 1_000, "completion_tokens": 100})
    price = priced(usage, "https://api.perplexity.ai", "sonar")
    assert price.cost_usd == Decimal("0.0131")
    assert "requests_kcount" in (price.unit_prices or {})


def test_larger_of_two_bounds_is_reserved() -> None:
    body = b'{"model": "m", "messages": [], "max_completion_tokens": 1, "max_tokens": 5000}'
    assert estimated_usage(read_call(CHAT, "POST", body), 1024).completion_tokens == 5000
