"""A stream has the output of the JSON answer that it was made from, wherever it is cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.content.output import Output
from proxy.segments.content_lines import MAX_CONTENT_BYTES
from tests.support.arbitrary import LEAVES, TEXTS, UNTIMED
from tests.support.real_input import RECORDINGS, Recording, needs_real_input
from tests.support.replay import events, named_events
from tests.unit.proxy.content.test_output import USE, block, delta, output, streamed


def fragments(text: str, ends: list[int]) -> list[str]:
    """A text cut at some places."""
    at = sorted({min(end, len(text)) for end in ends} | {0, len(text)})
    return [text[begin:end] for begin, end in pairwise(at)] or [""]


ENDS = st.lists(st.integers(0, 12), max_size=5)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": TEXTS | st.none()},
    optional={
        "reasoning": TEXTS,
        "refusal": st.none(),
        "tool_calls": st.lists(TEXTS, min_size=1, max_size=3),
    },
)


@UNTIMED
@given(messages=st.lists(MESSAGES, min_size=1, max_size=3), ends=ENDS, cut=st.integers(1, 50), data=st.data())
def test_stream_of_any_chat_answer_has_its_output(
    messages: list[dict[str, Any]], ends: list[int], cut: int, data: st.DataObject
) -> None:
    chunks = []
    for index, message in enumerate(messages):
        if "tool_calls" in message:
            message["tool_calls"] = [
                {"id": f"c{at}", "type": "function", "function": {"name": "f", "arguments": text}}
                for at, text in enumerate(message["tool_calls"])
            ]
        own = [delta(index, role="assistant")]
        for name, value in message.items():
            if name == "tool_calls":
                for at, call in enumerate(value):
                    begun = call | {"index": at, "function": {"name": "f", "arguments": ""}}
                    own.append(delta(index, tool_calls=[begun]))
                    own += [
                        delta(index, tool_calls=[{"index": at, "function": {"arguments": fragment}}])
                        for fragment in fragments(call["function"]["arguments"], ends)
                    ]
            elif name != "role":
                own += [
                    delta(index, **{name: fragment})
                    for fragment in (fragments(value, ends) if value else [value])
                ]
        chunks.append(own)
    mixed = []
    while any(chunks):  # the choices' chunks in their order, but mixed
        mixed.append(data.draw(st.sampled_from([own for own in chunks if own])).pop(0))
    whole = {"choices": [{"index": at, "message": message} for at, message in enumerate(messages)]}
    assert streamed(*mixed, cut=cut) == output(json.dumps(whole).encode(), streams=False, cut=cut)


@UNTIMED
@given(
    blocks=st.lists(st.tuples(st.sampled_from(["text", "thinking", "tool_use"]), TEXTS), max_size=4),
    ends=ENDS,
    cut=st.integers(1, 50),
)
def test_stream_of_any_anthropic_answer_has_its_output(
    blocks: list[tuple[str, str]], ends: list[int], cut: int
) -> None:
    content: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    for at, (kind, text) in enumerate(blocks):
        if kind == "tool_use":
            content.append(USE | {"input": {"text": text}})
            parts = fragments(json.dumps({"text": text}), ends)
            sent += block(
                at, USE, *({"type": "input_json_delta", "partial_json": fragment} for fragment in parts)
            )
        else:
            content.append({"type": kind, kind: text})
            deltas = ({"type": f"{kind}_delta", kind: fragment} for fragment in fragments(text, ends))
            sent += block(at, {"type": kind, kind: ""}, *deltas)
    whole = output(json.dumps({"type": "message", "content": content}).encode(), streams=False)
    assert output(named_events(*sent), streams=True, cut=cut) == (whole or None)


KINDS = st.sampled_from([
    "content_block_start", "content_block_delta", "response.output_item.added", "response.content_part.added",
    "response.output_text.delta", "response.reasoning_summary_text.delta", "response.completed",
    "response.function_call_arguments.delta",
])  # fmt: skip
FIELDS = st.sampled_from(
    [
        "content",
        "tool_calls",
        "function",
        "index",
        "text",
        "partial_json",
        "citation",
        "data",
        "delta",
        "type",
    ]
)
SMALL = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(FIELDS, below, max_size=4),
    max_leaves=6,
)
ODD = st.fixed_dictionaries(
    {},
    optional={"type": KINDS | SMALL, "choices": st.lists(SMALL, max_size=2)}
    | dict.fromkeys(("index", "output_index", "summary_index", "content_index"), LEAVES)
    | dict.fromkeys(("delta", "content_block", "item", "part", "response"), SMALL),
)


@UNTIMED
@given(values=st.lists(ODD, max_size=4), cut=st.integers(1, 40))
def test_any_stream_is_read(values: list[dict[str, Any]], cut: int) -> None:
    assert streamed(*values, cut=cut) == streamed(*values)


def test_stream_is_kept_up_to_the_size_of_a_line() -> None:
    found = Output(streams=True)
    fragment = events(delta(content="x" * 65_536), done=False)
    for _ in range(40):
        found.feed(fragment)
    assert MAX_CONTENT_BYTES < len(found.value()["content"]) <= MAX_CONTENT_BYTES + 2 * 65_536


@needs_real_input
@pytest.mark.parametrize(
    "recording", RECORDINGS, ids=lambda recording: f"{recording.provider}-{recording.id}"
)
def test_output_of_a_recorded_answer_is_the_same_at_any_cuts(recording: Recording) -> None:
    whole = output(recording.body, streams=recording.stream)
    for cut in (1, 7, 1000) if len(recording.body) < 20_000 else (97, 1000):
        assert output(recording.body, streams=recording.stream, cut=cut) == whole
    assert (whole is None) == (recording.status >= 400 or recording.path == "/v1/embeddings")


STREAMED = [one for one in RECORDINGS if one.stream and one.path == "/v1/responses"]
_WHOLE = (b'"type":"response.completed"', b'"type":"response.output_item.done"')


def texts(items: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a person reads of output items."""
    return [
        (
            item["type"],
            item.get("arguments"),
            *(part.get("text") for name in ("content", "summary") for part in item.get(name) or ()),
        )
        for item in items
    ]


@needs_real_input
@pytest.mark.parametrize("recording", STREAMED, ids=lambda recording: f"{recording.provider}-{recording.id}")
def test_recorded_response_is_the_same_from_its_deltas(recording: Recording) -> None:
    parts = recording.body.split(b"\n\n")
    fragments_only = b"\n\n".join(event for event in parts if not any(whole in event for whole in _WHOLE))
    assert len(fragments_only) < len(recording.body)
    whole, built = (output(body, streams=True) for body in (recording.body, fragments_only))
    assert texts(built) == texts(whole)
