"""What is read from answers: usage in any place, errors inside 200, where content begins."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Api
from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import AnswerReader
from proxy.sse import parse_event
from tests.support.arbitrary import JSON, UNTIMED
from tests.support.replay import events, named_events

USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
EARLIER = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}


def chunk(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "delta": {"content": text}}]} | more


def read_stream(body: bytes, api: Api = "openai", *, drop_usage: bool = False) -> tuple[AnswerReader, bytes]:
    """Reads a stream; gives what was understood and what the client gets."""
    reading = AnswerReader(api)
    stream = StreamFilter(reading, drop_usage=drop_usage)
    return reading, stream.feed(body) + stream.end()


def counts(reading: AnswerReader) -> tuple[int, int] | None:
    usage = reading.usage
    return None if usage is None else (usage.prompt_tokens, usage.completion_tokens)


COUNTED: list[tuple[str, bytes]] = [
    ("OpenAI: an extra chunk with empty choices", events(chunk(usage=None), {"choices": [], "usage": USAGE})),
    ("Azure: begins with empty choices that hold no usage",
     events({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, chunk(),
            {"choices": [], "usage": USAGE})),
    ("Gemini: cumulative usage on every chunk", events(chunk(usage=EARLIER), chunk(usage=USAGE))),
    ("Mistral: on the last chunk with choices", events(chunk(), chunk("", usage=USAGE))),
    ("Groq: inside x_groq on the finish chunk",
     events(chunk(x_groq={"id": "req_1"}), chunk(x_groq={"usage": USAGE}))),
    ("Groq, newer: in both places, the same numbers once",
     events(chunk(x_groq={"usage": USAGE}, usage=USAGE))),
    ("usage before x_groq.usage, whichever came last",
     events(chunk(usage=USAGE), chunk(x_groq={"usage": EARLIER}))),
    ("DeepSeek: comments between", b": keep-alive\n\n" + events(chunk("", usage=USAGE))),
    ("OpenRouter: comments and a last chunk unasked",
     b": OPENROUTER PROCESSING\n\n" + events(chunk(), chunk("", usage=USAGE))),
    ("Together, vLLM: on a chunk with or without choices, the last counts",
     events(chunk(usage=EARLIER), {"choices": [], "usage": USAGE})),
    ("Moonshot: inside the choice", events({"choices": [{"index": 0, "delta": {}, "usage": USAGE}]})),
    ("n > 1: usage comes once",
     events(chunk(), {"choices": [{"index": 1, "delta": {}}]}, {"choices": [], "usage": USAGE})),
    ("a null after the usage takes nothing back", events(chunk(usage=USAGE), chunk(usage=None))),
    ("an empty object after the usage takes nothing back", events(chunk(usage=USAGE), chunk(usage={}))),
    ("no [DONE]", events(chunk(usage=USAGE), done=False)),
    ("no blank line at the end", events(chunk(usage=USAGE), done=False).rstrip()),
    ("CRLF", events(chunk(), {"choices": [], "usage": USAGE}).replace(b"\n", b"\r\n")),
    ("several data lines",
     b'data: {"choices": [],\ndata:  "usage":\ndata: ' + json.dumps(USAGE).encode() + b"}\n\n"),
    ("half a surrogate pair beside it", events(chunk("\ud83d", usage=USAGE))),
    ("NaN beside it, as some vLLM send in logprobs",
     b'data: {"choices": [{"logprobs": NaN}], "usage": ' + json.dumps(USAGE).encode() + b"}\n\n"),
    ("a byte order mark", b"\xef\xbb\xbf" + events(chunk(usage=USAGE))),
]  # fmt: skip


@pytest.mark.parametrize("body", [row[1] for row in COUNTED], ids=[row[0] for row in COUNTED])
def test_usage_is_found_on_any_chunk_and_never_summed(body: bytes) -> None:
    reading, passed = read_stream(body)
    assert counts(reading) == (10, 4)
    assert reading.usage_is_final
    assert passed == body


RESPONSES: list[tuple[str, str]] = [
    ("response.completed", "completed"),
    ("response.incomplete", "incomplete"),
    ("response.failed", "failed"),
]


@pytest.mark.parametrize(("kind", "status"), RESPONSES)
def test_responses_stream_reports_usage_at_every_kind_of_end(kind: str, status: str) -> None:
    usage = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14}
    body = named_events(
        {"type": "response.created", "response": {"status": "in_progress", "usage": None, "error": None}},
        {"type": "response.output_text.delta", "delta": "hello"},
        {"type": kind, "response": {"status": status, "model": "gpt-5", "usage": usage, "error": None}},
    )
    reading, _ = read_stream(body)
    assert (counts(reading), reading.finished, reading.model) == ((10, 4), True, "gpt-5")
    assert reading.text_bytes == len("hello")


def test_queued_response_has_no_usage_yet() -> None:
    reading = AnswerReader("openai")
    reading.read_body(b'{"id": "resp_1", "status": "queued", "usage": null, "error": null}')
    assert (reading.usage, reading.pending, reading.fault) == (None, True, None)


START = {"type": "message_start", "message": {"model": "claude-sonnet-4-5", "usage": {
    "input_tokens": 4, "cache_read_input_tokens": 1165, "output_tokens": 3}}}  # fmt: skip
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 224}}
TEXT = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hello"}}


def test_anthropic_stream_begins_with_preliminary_counts() -> None:
    reading, _ = read_stream(named_events(START, TEXT), "anthropic")
    assert (counts(reading), reading.usage_is_final, reading.finished) == ((1169, 3), False, False)
    reading, _ = read_stream(named_events(START, TEXT, DELTA, {"type": "message_stop"}), "anthropic")
    assert (counts(reading), reading.usage_is_final, reading.finished) == ((1169, 224), True, True)
    assert reading.model == "claude-sonnet-4-5"


FAULTS: list[tuple[str, Api, bytes, str]] = [
    ("Groq: an error event in 200", "openai",
     events(chunk(), done=False)
     + b'event: error\ndata: {"error":{"message":"secret","type":"invalid_request_error"}}\n\n',
     "invalid_request_error"),
    ("OpenRouter: an error object in a chunk with usage", "openai",
     events(chunk("", usage=USAGE, error={"code": 502, "message": "secret"})), "upstream_error"),
    ("Responses: an error event", "openai",
     named_events({"type": "error", "code": "server_error", "message": "secret"}), "error"),
    ("Responses: an error without an event name", "openai",
     events({"type": "error", "code": "server_error", "message": "secret"}, done=False), "error"),
    ("Responses: response.failed", "openai",
     named_events({"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}),
     "rate_limit_exceeded"),
    ("Anthropic: an error event", "anthropic",
     named_events(START, {"type": "error", "error": {"type": "overloaded_error", "message": "secret"}}),
     "overloaded_error"),
    ("an error event that is no JSON", "openai", b"event: error\ndata: secret\n\n", "upstream_error"),
    ("an error that is a text", "openai", events({"error": "secret"}), "upstream_error"),
]  # fmt: skip


@pytest.mark.parametrize(("api", "body", "kind"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_error_inside_200_is_found_without_its_message(api: Api, body: bytes, kind: str) -> None:
    reading, _ = read_stream(body, api)
    assert reading.fault is not None
    assert reading.fault.type == kind
    assert "secret" not in reading.fault.message


BODIES: list[tuple[str, bytes, str]] = [
    ("HTML", b"<html><body>Bad gateway, secret</body></html>", "not a JSON object"),
    ("empty", b"", "empty"),
    ("blank", b" \r\n", "empty"),
    ("broken", b'{"choices": [{"message": {"content": "secret', "not a JSON object"),
    ("a list", b"[1]", "not a JSON object"),
    ("not UTF-8, not JSON", b"\xff\x00\xfe", "not a JSON object"),
]


@pytest.mark.parametrize(("body", "reason"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_200_without_json_is_a_fault_without_usage(body: bytes, reason: str) -> None:
    reading = AnswerReader("openai")
    reading.read_body(body)
    assert reading.usage is None
    assert reading.fault is not None
    assert reading.fault.type == "unreadable_answer"
    assert reason in reading.fault.message
    assert "secret" not in reading.fault.message


def test_body_with_blank_lines_and_a_lone_surrogate_is_read() -> None:
    body = (
        b'\n\n \n{"choices": [{"message": {"content": "\\ud83d"}}], "usage": '
        + json.dumps(USAGE).encode()
        + b"}"
    )
    reading = AnswerReader("openai")
    reading.read_body(body)
    assert (counts(reading), reading.fault) == ((10, 4), None)


def test_service_tier_and_model_are_read_from_the_answer() -> None:
    reading = AnswerReader("openai")
    reading.read_body(
        b'{"model": "gpt-5-2025-08-07", "service_tier": "priority", "usage": {"input_tokens": 1}}'
    )
    assert (reading.model, reading.service_tier) == ("gpt-5-2025-08-07", "priority")


@pytest.mark.parametrize("odd", ["1e999999999999999999", "1" + "0" * 5000, "[[1.5, 2.5]]", '{"a": {}}'])
def test_unread_fields_do_not_affect_the_usage(odd: str) -> None:
    """Nor does it take time: an embedding has thousands of numbers."""
    reading = AnswerReader("openai")
    reading.read_body(f'{{"data": [{{"embedding": [0.5, {odd}]}}], "usage": {json.dumps(USAGE)}}}'.encode())
    assert (counts(reading), reading.fault) == ((10, 4), None)


def test_cost_in_a_usage_object_keeps_every_digit() -> None:
    reading = AnswerReader("openai")
    reading.read_body(b'{"usage": {"prompt_tokens": 1, "cost": 0.1000000000000000055511151231257827}}')
    assert reading.usage is not None
    assert reading.usage.reported_cost == Decimal("0.1000000000000000055511151231257827")


BEGINNINGS: list[tuple[str, dict[str, Any], int]] = [
    ("a role alone", {"choices": [{"delta": {"role": "assistant", "content": ""}}]}, 0),
    ("text", chunk("é"), 2),
    ("reasoning", {"choices": [{"delta": {"reasoning_content": "hm"}}]}, 2),
    ("a tool call's arguments",
     {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{}"}}]}}]}, 2),
    ("a completion's text", {"choices": [{"text": "abc"}]}, 3),
    ("two choices", {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}, 2),
    ("Responses", {"type": "response.output_text.delta", "delta": "abcd"}, 4),
    ("Responses: the whole again is not counted again",
     {"type": "response.completed", "response": {"output": [{"content": [{"text": "abcd"}]}]}}, 0),
    ("Anthropic: thinking", {"type": "content_block_delta", "delta": {"thinking": "abc"}}, 3),
    ("Anthropic: a tool's input", {"type": "content_block_delta", "delta": {"partial_json": '{"a"'}}, 4),
]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "size"), [row[1:] for row in BEGINNINGS], ids=[row[0] for row in BEGINNINGS]
)
def test_content_begins_with_the_first_generated_text(event: dict[str, Any], size: int) -> None:
    reading, _ = read_stream(events(event, done=False))
    assert (reading.text_bytes, reading.content_begun) == (size, size > 0)


APIS = pytest.mark.parametrize("api", ["openai", "anthropic"])


@APIS
@UNTIMED
@given(value=JSON, name=st.sampled_from(["message", "error", "x"]))
def test_any_json_value_is_read(api: Api, value: object, name: str) -> None:
    data = json.dumps(value).encode()
    reading = AnswerReader(api)
    reading.read_body(data)
    reading.read_event(parse_event(b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"))
    assert reading.text_bytes >= 0
    assert reading.usage is None or reading.usage.prompt_tokens >= 0


@APIS
@UNTIMED
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read(api: Api, data: bytes) -> None:
    reading, passed = read_stream(data, api)
    reading.read_body(data)
    assert passed == data


ODD: list[dict[str, Any]] = [
    {"type": [], "status": {}, "usage": []},
    {"type": {}, "usage": USAGE, "model": 7, "choices": {}},
    {"usage": {"prompt_tokens": 1, "input_tokens": 1, "iterations": [{"type": []}, 7, {"type": {}}]}},
    {"response": [], "message": 3, "x_groq": "no", "choices": [None, {"delta": []}, {"message": 3}]},
    {"error": []},
]


@APIS
@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_wrong_types_are_ignored(api: Api, value: dict[str, Any]) -> None:
    reading = AnswerReader(api)
    reading.read_body(json.dumps(value).encode())
    reading.read_event(parse_event(events(value, done=False)))
    assert reading.text_bytes == 0


DEPTHS = [100, 900, 20_000]
DEEP = [
    '{"choices":[{"delta":{"content":%s}}]}',
    '{"usage":{"prompt_tokens":1,"x":%s}}',
    '{"error":%s}',
    "%s",
]


@APIS
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("form", DEEP)
def test_deep_nesting_never_raises(api: Api, form: str, depth: int) -> None:
    data = (form % ("[" * depth + "]" * depth)).encode()
    reading = AnswerReader(api)
    reading.read_body(data)
    reading.read_event(parse_event(b"data: " + data + b"\n\n"))
    assert reading.text_bytes == 0
