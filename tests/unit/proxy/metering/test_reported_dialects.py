"""Dialects known from public reports: for each kind of fault an example beside the reported one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from proxy.errors import Api, api_of
from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import AnswerReader
from proxy.metering.usage_anthropic import from_anthropic
from proxy.metering.usage_openai import from_openai
from proxy.segments.record import UsageRecord
from tests.support.replay import events, named_events
from tests.unit.proxy.metering.test_record_builder import a_request, record

OPENAI: list[tuple[str, dict[str, Any], tuple[int, int, int, int, int]]] = [
    # usage; prompt, completion, cache read, cache write, reasoning
    ("reads and writes beside the prompt, by the total",
     {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1115, "cache_read_input_tokens": 1000,
      "cache_creation_input_tokens": 100}, (1110, 5, 1000, 100, 0)),
    ("reads in the prompt, writes beside it, by the total",
     {"prompt_tokens": 500, "completion_tokens": 5, "total_tokens": 605,
      "prompt_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 100}}, (600, 5, 400, 100, 0)),
    ("cached tokens in the prompt, and thinking beside the completion",
     {"prompt_tokens": 500, "completion_tokens": 5, "total_tokens": 605,
      "prompt_tokens_details": {"cached_tokens": 400}}, (500, 105, 400, 0, 100)),
    ("more cached tokens than the prompt, without a total",
     {"prompt_tokens": 3, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 200}},
     (203, 5, 200, 0, 0)),
    ("Mistral's audio input is beside the prompt",
     {"prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 635, "total_tokens": 3264},
     (2629, 635, 0, 0, 0)),
    ("image input beside the prompt",
     {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 268,
      "prompt_tokens_details": {"image_tokens": 258}}, (262, 6, 0, 0, 0)),
    ("a negative output is not the rest of the total",
     {"prompt_tokens": 100, "completion_tokens": -9, "total_tokens": 548}, (100, 0, 0, 0, 0)),
    ("images API: input and output details",
     {"input_tokens": 50, "output_tokens": 4160, "total_tokens": 4210,
      "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}, (50, 4160, 0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), [row[1:] for row in OPENAI], ids=[row[0] for row in OPENAI])
def test_openai_dialect(raw: dict[str, Any], expected: tuple[int, ...]) -> None:
    usage = from_openai(raw)
    assert usage is not None
    assert expected == (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


def turn(kind: str, prompt: int, output: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "input_tokens": prompt, "output_tokens": output} | more


ANTHROPIC: list[tuple[str, dict[str, Any], tuple[int, int, int]]] = [
    # usage; prompt, completion, reasoning
    ("an unknown iteration within the total is not added to it",
     {"input_tokens": 30, "output_tokens": 12, "iterations": [turn("message", 10, 5), turn("new", 20, 7)]},
     (30, 12, 0)),
    ("an unknown iteration beside the total is added",
     {"input_tokens": 10, "output_tokens": 5, "iterations": [turn("message", 10, 5), turn("new", 20, 7)]},
     (30, 12, 0)),
    ("thinking of an answer with iterations is kept",
     {"input_tokens": 10, "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 40},
      "iterations": [turn("compaction", 100, 9), turn("message", 10, 50)]}, (110, 59, 40)),
    ("two declines before a fallback are free",
     {"input_tokens": 9, "output_tokens": 4, "iterations": [
         turn("message", 8, 0, model="a"), turn("message", 8, 0, model="b"),
         turn("fallback_message", 9, 4, model="c")]}, (9, 4, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), [row[1:] for row in ANTHROPIC], ids=[r[0] for r in ANTHROPIC])
def test_anthropic_dialect(raw: dict[str, Any], expected: tuple[int, int, int]) -> None:
    usage = from_anthropic(raw)
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens) == expected
    assert sum(part.prompt_tokens for part in usage.billed) == usage.prompt_tokens


def recorded(endpoint: str, body: bytes, *, stream: bool = False, **request: Any) -> UsageRecord:
    api: Api = api_of(endpoint)
    answer, asked = AnswerReader(api), a_request(endpoint, **request)
    if stream:
        filtered = StreamFilter(answer, drop_usage=False)
        filtered.feed(body)
        filtered.end()
        asked.streamed = True
    else:
        answer.read_body(body)
    asked.resolved_model = "gpt-5-mini" if api == "openai" else "claude-sonnet-4-5"
    return record(asked, answer)


def responses(*output: dict[str, Any], **more: Any) -> bytes:
    usage = {"input_tokens": 8000, "output_tokens": 500, "total_tokens": 8500}
    return json.dumps(
        {"object": "response", "status": "completed", "output": output, "usage": usage} | more
    ).encode()


FEES: list[tuple[str, list[dict[str, Any]], str | None]] = [
    ("opening a page has no fee", [{"type": "web_search_call", "action": {"type": "open_page"}}], "0.003"),
    ("a search and a page", [{"type": "web_search_call", "action": {"type": "search"}},
                             {"type": "web_search_call", "action": {"type": "open_page"}}], "0.013"),
    ("a failed search", [{"type": "web_search_call", "status": "failed"}], "0.003"),
    ("a web and a file search", [{"type": "web_search_call"}, {"type": "file_search_call"}], "0.0155"),
    ("a code interpreter is billed by session", [{"type": "code_interpreter_call"}], None),
    ("an image whose tokens are not reported", [{"type": "image_generation_call"}], None),
]  # fmt: skip


@pytest.mark.parametrize(("output", "cost"), [row[1:] for row in FEES], ids=[row[0] for row in FEES])
@pytest.mark.parametrize("stream", [False, True])
def test_fees_of_the_providers_tools(output: list[dict[str, Any]], cost: str | None, *, stream: bool) -> None:
    body = responses(*output)
    if stream:
        body = named_events({"type": "response.completed", "response": json.loads(body)})
    made = recorded("/v1/responses", body, stream=stream)
    assert (made.prompt_tokens, made.completion_tokens) == (8000, 500)
    assert made.cost_usd == (None if cost is None else Decimal(cost))


def test_image_tool_without_a_model_has_no_price() -> None:
    body = responses(
        {"type": "image_generation_call"},
        tool_usage={"image_gen": {"output_tokens": 7024}},
        tools=[{"type": "image_generation"}],
    )
    assert recorded("/v1/responses", body).cost_usd is None


START = {"type": "message_start", "message": {"usage": {"input_tokens": 412, "output_tokens": 1}}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}


def stop(reason: str | None, **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def test_refusal_before_any_output_is_not_billed_in_a_stream() -> None:
    body = named_events(START, stop("refusal", output_tokens=0), {"type": "message_stop"})
    assert recorded("/v1/messages", body, stream=True).cost_usd == 0


def test_refusal_after_output_is_billed() -> None:
    body = named_events(START, TEXT, stop("refusal", output_tokens=2), {"type": "message_stop"})
    cost = recorded("/v1/messages", body, stream=True).cost_usd
    assert cost is not None
    assert cost > 0


CHUNK = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
ENDS: list[tuple[str, str, bytes, str | None]] = [
    ("messages without an end", "/v1/messages", named_events(START, TEXT), "unfinished_answer"),
    ("messages with a stop reason only", "/v1/messages",
     named_events(START, TEXT, stop("end_turn", output_tokens=2)), None),
    ("chat without [DONE] but with a finish reason", "/v1/chat/completions",
     events(CHUNK, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, done=False), None),
    ("chat that just ends", "/v1/chat/completions", events(CHUNK, CHUNK, done=False), "unfinished_answer"),
    ("chat with [DONE] only", "/v1/chat/completions", events(CHUNK), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "body", "error"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS]
)
def test_stream_that_ends_without_its_end_mark(endpoint: str, body: bytes, error: str | None) -> None:
    made = recorded(endpoint, body, stream=True, stream_=True)
    assert (made.error.type if made.error else None) == error


def test_zero_ticks_beside_tokens_are_no_price() -> None:
    usage = from_openai({"prompt_tokens": 10, "completion_tokens": 5, "cost_in_usd_ticks": 0})
    assert usage is not None
    assert usage.reported_cost is None


def test_empty_prompt_of_an_answer_is_estimated() -> None:
    body = json.dumps({"content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
                       "usage": {"input_tokens": 0, "output_tokens": 7}}).encode()  # fmt: skip
    made = recorded("/v1/messages", body)
    assert (made.usage_source, made.prompt_tokens > 0, made.completion_tokens) == ("estimated", True, 7)


def test_error_of_an_array_is_read() -> None:
    answer = AnswerReader("openai")
    answer.read_body(b'[{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "type": "quota"}}]')
    assert answer.fault is not None
    assert answer.fault.type == "quota"
