"""The bytes of a stream for the client: the upstream's, without the injected usage chunk."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.exchange.stream_filter import StreamFilter, is_usage_chunk
from proxy.metering.answer import AnswerReader
from proxy.sse import parse_event
from tests.support.arbitrary import JSON, UNTIMED
from tests.support.replay import events

USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
INJECTED = events({"id": "x", "choices": [], "usage": USAGE}, done=False)
CONTENT = events({"choices": [{"delta": {"content": "é😀"}}], "usage": None}, done=False)
DONE = b"data: [DONE]\n\n"


def passed(*chunks: bytes, drop_usage: bool) -> bytes:
    stream = StreamFilter(AnswerReader("openai"), drop_usage=drop_usage)
    return b"".join([*(stream.feed(chunk) for chunk in chunks), stream.end()])


KEPT: list[tuple[str, dict[str, Any]]] = [
    ("Azure's first chunk", {"choices": [], "prompt_filter_results": []}),
    ("usage beside content", {"choices": [{"delta": {"content": "x"}}], "usage": USAGE}),
    ("usage on the finish chunk", {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE}),
    ("a null usage", {"choices": [], "usage": None}),
    ("usage beside a tool call", {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}], "usage": USAGE}),
    ("an error with usage", {"choices": [], "usage": USAGE, "error": {"code": 502, "message": "gone"}}),
    ("the word inside a text", {"choices": [], "note": 'he said "usage"'}),
]


@pytest.mark.parametrize("value", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
def test_chunk_other_than_the_injected_one_is_kept(value: dict[str, Any]) -> None:
    body = events(value)
    assert passed(body, drop_usage=True) == body


STREAMS: list[tuple[str, bytes, bytes]] = [
    ("no choices at all", CONTENT + events({"usage": USAGE}), CONTENT + DONE),
    ("null choices", CONTENT + events({"choices": None, "usage": USAGE}), CONTENT + DONE),
    (
        "an empty choice",
        CONTENT + events({"choices": [{"index": 0, "delta": {}}], "usage": USAGE}),
        CONTENT + DONE,
    ),
    ("at the end", CONTENT + INJECTED + DONE, CONTENT + DONE),
    ("without [DONE]", CONTENT + INJECTED, CONTENT),
    ("unfinished content after it", INJECTED + b"data: half", b"data: half"),
    ("comments around it", b": a\n\n" + INJECTED + b": b\n\n" + DONE, b": a\n\n: b\n\n" + DONE),
    ("CRLF", (CONTENT + INJECTED + DONE).replace(b"\n", b"\r\n"), (CONTENT + DONE).replace(b"\n", b"\r\n")),
    ("usage that nothing ends", CONTENT + INJECTED.rstrip(), CONTENT),
    ("usage after [DONE]", CONTENT + DONE + INJECTED, CONTENT + DONE),
    ("usage that half a blank line ends", CONTENT + DONE + INJECTED[:-1], CONTENT + DONE),
    ("carriage returns", (CONTENT + INJECTED).replace(b"\n", b"\r"), CONTENT.replace(b"\n", b"\r")),
    ("usage sent twice", CONTENT + INJECTED + INJECTED + DONE, CONTENT + DONE),
]


@pytest.mark.parametrize(
    ("stream", "expected"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS]
)
def test_injected_chunk_is_removed_at_any_cuts(stream: bytes, expected: bytes) -> None:
    for cut in range(len(stream) + 1):
        assert passed(stream[:cut], stream[cut:], drop_usage=True) == expected
    assert passed(*(bytes([byte]) for byte in stream), drop_usage=True) == expected


@UNTIMED
@given(data=st.binary(max_size=80), cuts=st.lists(st.integers(0, 80), max_size=5))
def test_all_other_bytes_pass_unchanged(data: bytes, cuts: list[int]) -> None:
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[start:end] for start, end in itertools.pairwise(borders)]
    assert passed(*parts, drop_usage=True) == data
    stream = StreamFilter(AnswerReader("openai"), drop_usage=False)
    assert [stream.feed(part) for part in parts] == parts
    assert stream.end() == b""


@UNTIMED
@given(value=JSON)
def test_usage_chunk_has_usage_no_error_and_no_choice_with_content(value: object) -> None:
    found = is_usage_chunk(parse_event(events(value, done=False)))
    usage_only = (
        isinstance(value, dict) and isinstance(value.get("usage"), dict) and value.get("error") is None
    )
    assert not found or usage_only
    if usage_only and isinstance(value, dict):
        assert found == (not value.get("choices") or _all_empty(value["choices"]))


def _all_empty(choices: object) -> bool:
    return isinstance(choices, list) and all(
        isinstance(one, dict) and not [key for key in one if key != "index" and one[key]] for one in choices
    )


def test_event_is_returned_with_the_chunk_that_ends_it() -> None:
    held = StreamFilter(AnswerReader("openai"), drop_usage=True)
    assert held.feed(CONTENT[:9]) == b""
    assert not held.in_event  # the client has nothing of it
    assert held.feed(CONTENT[9:]) == CONTENT
    plain = StreamFilter(AnswerReader("openai"), drop_usage=False)
    assert plain.feed(CONTENT[:9]) == CONTENT[:9]
    assert plain.in_event
    assert plain.feed(CONTENT[9:]) == CONTENT[9:]
    assert not plain.in_event


def test_dropped_chunk_is_read() -> None:
    reading = AnswerReader("openai")
    StreamFilter(reading, drop_usage=True).feed(INJECTED)
    assert reading.usage is not None
    assert reading.usage.raw == json.loads(json.dumps(USAGE))


@given(words=st.lists(st.text(max_size=6), min_size=2, max_size=8), escaped=st.booleans(), data=st.data())
def test_known_event_is_counted_as_when_decoded(words: list[str], escaped: bool, data: st.DataObject) -> None:
    raw = [
        b"data: "
        + json.dumps({"choices": [{"delta": {"content": word}}]}, ensure_ascii=escaped).encode(
            "utf-8", "surrogatepass"
        )
        + b"\n\n"
        for word in words
    ]
    cuts = data.draw(st.sets(st.integers(0, sum(map(len, raw)))))
    read, whole, cut = AnswerReader("openai"), AnswerReader("openai"), AnswerReader("openai")
    for event in raw:
        read.read_event(parse_event(event))
    stream = b"".join(raw)
    borders = [0, *sorted(cuts), len(stream)]
    for reading, chunks in ((whole, raw), (cut, [stream[a:b] for a, b in itertools.pairwise(borders)])):
        passing = StreamFilter(reading, drop_usage=True)
        assert b"".join([*map(passing.feed, chunks), passing.end()]) == stream
        assert (reading.text_bytes, reading.content_begun) == (read.text_bytes, read.content_begun)
