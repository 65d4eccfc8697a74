"""The output of an answer, from JSON and from a stream, wherever its chunks end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.content.output import Output, output_of
from tests.support.replay import events, named_events


def output(body: bytes, *, streams: bool, cut: int | None = None) -> Any:
    """What is put together from an answer in fragments of `cut` bytes."""
    found = Output(streams=streams)
    for at in range(0, len(body), cut or len(body) or 1):
        found.feed(body[at : at + (cut or len(body))])
    return found.value()


def streamed(*values: dict[str, Any], cut: int | None = None) -> Any:
    return output(events(*values), streams=True, cut=cut)


def in_blocks(*values: dict[str, Any]) -> Any:
    return output(named_events(*values), streams=True)


CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}
JSON: list[tuple[object, object]] = [
    # chat: the message; several choices: all of them
    ({"choices": [{"message": {"role": "assistant", "content": "hi"}}]},
     {"role": "assistant", "content": "hi"}),
    ({"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]},
     [{"content": "a"}, {"content": "b"}]),
    ({"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]},
     {"content": None, "tool_calls": [CALL]}),
    # completions: the text
    ({"choices": [{"text": "once"}]}, "once"),
    ({"choices": [{"text": "once"}, {"text": ""}]}, ["once", ""]),
    # Responses: the output items
    ({"object": "response", "output": [{"type": "reasoning", "summary": []}]},
     [{"type": "reasoning", "summary": []}]),
    # Anthropic: the content blocks
    ({"type": "message", "content": [{"type": "text", "text": "hi"}]}, [{"type": "text", "text": "hi"}]),
    # nothing in text: vectors, errors, counts, and what is no answer
    ({"object": "list", "data": [{"embedding": [0.1]}]}, None),
    ({"error": {"message": "no"}}, None),
    ({"input_tokens": 7}, None),
    ({"choices": []}, None),
    ({"choices": [{"message": None}, 3]}, None),
    ([1], None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), JSON)
def test_output_of_a_json_answer(value: object, expected: object) -> None:
    assert output_of(value) == expected
    assert output(json.dumps(value).encode(), streams=False, cut=3) == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff", b"[" * 100_000])
def test_invalid_json_has_no_output(body: bytes) -> None:
    assert output(body, streams=False) is None
    assert output(b"data: " + body + b"\n\n", streams=True) is None


def delta(index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields}]}


def argument(fragment: str, index: int = 0, **more: Any) -> dict[str, Any]:
    return delta(tool_calls=[{"index": index, "function": {"arguments": fragment}} | more])


STREAMS: list[tuple[list[dict[str, Any]], object]] = [
    # text in fragments, and the usage chunk
    ([delta(role="assistant", content=""), delta(content="he"), delta(content="llo"), delta(),
      {"choices": [], "usage": {}}], {"role": "assistant", "content": "hello"}),
    # reasoning beside it, by either name
    ([delta(reasoning_content="I "), delta(reasoning_content="see"), delta(content="yes")],
     {"reasoning_content": "I see", "content": "yes"}),
    ([delta(reasoning_details=[{"index": 0, "type": "reasoning.text", "text": "I "}]),
      delta(reasoning_details=[{"index": 0, "type": "reasoning.text", "text": "see"}])],
     {"reasoning_details": [{"type": "reasoning.text", "text": "I see"}]}),
    # two choices, mixed
    ([delta(1, content="b"), delta(0, content="a"), delta(1, content="B")],
     [{"content": "a"}, {"content": "bB"}]),
    # two tool calls, mixed
    ([delta(role="assistant", content=None),
      argument("", id="c1", type="function", function={"name": "f", "arguments": ""}),
      argument("{", 1, id="c2"), argument('{"a"'), argument("}", 1), argument(":1}")],
     {"role": "assistant", "content": None, "tool_calls": [
         {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
         {"id": "c2", "function": {"arguments": "{}"}}]}),
    # tool calls that come whole and without an index (Gemini)
    ([delta(tool_calls=[CALL]), delta(tool_calls=[CALL])], {"tool_calls": [CALL, CALL]}),
    # the older function call
    ([delta(function_call={"name": "f", "arguments": "{"}), delta(function_call={"arguments": "}"})],
     {"function_call": {"name": "f", "arguments": "{}"}}),
    # content in parts and then as text (Mistral)
    ([delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}]),
      delta(content="yes")],
     {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}, "yes"]}),
    # sound: only its size is kept
    ([delta(audio={"id": "a", "data": "AAAA"}), delta(audio={"data": "AAAA", "transcript": "hi"})],
     {"audio": {"id": "a", "data": "[audio, 6 bytes]", "transcript": "hi"}}),
    # completions
    ([{"choices": [{"text": "on"}]}, {"choices": [{"text": "ce"}]}], "once"),
    ([{"choices": [{"index": 1, "text": "b"}]}, {"choices": [{"index": 0, "text": "a"}]}], ["a", "b"]),
    # an error after half of it
    ([delta(content="half"), {"error": {"message": "overloaded"}}], {"content": "half"}),
    # nothing
    ([{"choices": []}, delta()], None),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), STREAMS)
def test_output_of_a_chat_stream(values: list[dict[str, Any]], expected: object) -> None:
    assert streamed(*values) == expected
    assert streamed(*values, cut=1) == expected


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"url": "u"}]}
BLOCKS: list[tuple[list[dict[str, Any]], object]] = [
    (block(0, {"type": "text", "text": ""},
           {"type": "text_delta", "text": "he"}, {"type": "text_delta", "text": "y"}),
     [{"type": "text", "text": "hey"}]),
    # thinking with its signature, then a tool's input as JSON in fragments
    (block(0, {"type": "thinking", "thinking": "", "signature": ""},
           {"type": "thinking_delta", "thinking": "so"}, {"type": "signature_delta", "signature": "c2ln"})
     + block(1, USE, {"type": "input_json_delta", "partial_json": ""},
             {"type": "input_json_delta", "partial_json": '{"at": '},
             {"type": "input_json_delta", "partial_json": "1}"}),
     [{"type": "thinking", "thinking": "so", "signature": "c2ln"}, USE | {"input": {"at": 1}}]),
    # a tool without input; one whose input broke off
    (block(0, USE), [USE]),
    (block(0, USE, {"type": "input_json_delta", "partial_json": '{"at'}), [USE | {"input": '{"at'}]),
    # citations
    (block(0, {"type": "text", "text": "", "citations": []},
           {"type": "citations_delta", "citation": {"url": "u"}}, {"type": "text_delta", "text": "x"}),
     [{"type": "text", "text": "x", "citations": [{"url": "u"}]}]),
    # a server's tool: its results come whole
    (block(0, FOUND), [FOUND]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), BLOCKS)
def test_output_of_an_anthropic_stream(values: list[dict[str, Any]], expected: object) -> None:
    start = {"type": "message_start", "message": {"content": [], "usage": {"output_tokens": 1}}}
    assert in_blocks(start, *values, {"type": "message_stop"}) == expected


def item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": 0} | fields


MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
PART = {"type": "output_text", "text": "", "annotations": []}
FRAGMENTS: list[tuple[list[dict[str, Any]], object]] = [
    # broken off in the middle of a text
    ([item("output_item.added", item=MESSAGE), item("content_part.added", content_index=0, part=PART),
      item("output_text.delta", content_index=0, delta="he"),
      item("output_text.delta", content_index=0, delta="y")],
     [MESSAGE | {"content": [PART | {"text": "hey"}]}]),
    # a summary of reasoning, then a function call
    ([item("output_item.added", item={"type": "reasoning", "summary": []}),
      item("reasoning_summary_part.added", summary_index=0, part={"type": "summary_text", "text": ""}),
      item("reasoning_summary_text.delta", summary_index=0, delta="so"),
      item("output_item.added", output_index=1, item={"type": "function_call", "name": "f", "arguments": ""}),
      item("function_call_arguments.delta", output_index=1, delta="{"),
      item("function_call_arguments.delta", output_index=1, delta="}")],
     [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]},
      {"type": "function_call", "name": "f", "arguments": "{}"}]),
    # a refusal without any beginning
    ([item("refusal.delta", content_index=0, delta="no")], [{"content": [{"refusal": "no"}]}]),
    # an item that is done is as it says
    ([item("output_item.added", item=MESSAGE), item("output_text.delta", content_index=0, delta="he"),
      item("output_item.done", item=MESSAGE | {"content": [PART | {"text": "hey"}]})],
     [MESSAGE | {"content": [PART | {"text": "hey"}]}]),
    # and so is the response; one that ends without any output says nothing
    ([item("output_text.delta", content_index=0, delta="he"),
      item("completed", response={"output": [MESSAGE]})], [MESSAGE]),
    ([item("output_text.delta", content_index=0, delta="he"), item("failed", response={"output": []})],
     [{"content": [{"text": "he"}]}]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), FRAGMENTS)
def test_output_of_a_responses_stream(values: list[dict[str, Any]], expected: object) -> None:
    assert in_blocks(*values) == expected
