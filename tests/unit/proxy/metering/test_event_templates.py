"""The fast path of streams: templates of events give the same result as decoding every event as JSON."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import Api, api_of
from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import AnswerReader
from proxy.metering.event_templates import EventTemplate
from proxy.metering.stream_reader import StreamReader
from proxy.sse import EventSplitter
from tests.support.arbitrary import JSON, NAMES, UNTIMED
from tests.support.real_input import RECORDINGS, Recording, needs_real_input
from tests.support.replay import events, named_events


def state(reading: AnswerReader) -> dict[str, Any]:
    usage = reading.usage
    return {
        "usage": usage and msgspec.structs.asdict(usage),
        "final": reading.usage_is_final,
        "model": reading.model,
        "tier": reading.service_tier,
        "fault": reading.fault,
        "text": reading.text_bytes,
        "begun": reading.content_begun,
        "finished": reading.finished,
    }


def read_plainly(api: Api, stream: bytes) -> list[dict[str, Any]]:
    """The state after each event when every event is decoded as JSON."""
    reading, splitter, known = AnswerReader(api), EventSplitter(), []
    for event in splitter.feed(stream):
        reading.read_event(event)
        known.append(state(reading))
    reading.read_end(splitter.rest())
    return [*known, state(reading)]


def read_fast(api: Api, stream: bytes) -> list[dict[str, Any]]:
    reading, splitter, known = AnswerReader(api), EventSplitter(), []
    reader = StreamReader(reading)
    for event in splitter.feed(stream):
        assert reader.read(event) == AnswerReader(api).read_event(event)
        known.append(state(reading))
    reading.read_end(splitter.rest())
    return [*known, state(reading)]


ABOUT = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4o",
    "service_tier": "default",
}


def chat(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**ABOUT, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more}


WORDS = st.sampled_from([
    "", "a", " word", "é", "漢字", "\U0001f600", "\n", '"quoted"', "back\\slash", "tab\t", "\x00", "\x7f",
    "/", "\\u0041", '"content":"x"', "data: ", "\r\n", "\ud800",
]) | st.text(max_size=8)  # fmt: skip
TEXT_EVENTS = st.one_of(
    WORDS.map(lambda word: chat({"content": word}, usage=None)),
    WORDS.map(lambda word: chat({"content": word}, obfuscation="xy" * (len(word) % 3))),
    WORDS.map(lambda word: chat({"reasoning_content": word, "content": None})),
    WORDS.map(lambda word: chat({"tool_calls": [{"index": 0, "function": {"arguments": word}}]})),
    WORDS.map(
        lambda word: {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": word},
        }
    ),
    WORDS.map(
        lambda word: {"type": "response.output_text.delta", "sequence_number": len(word), "delta": word}
    ),
    WORDS.map(lambda word: {"content": word, "choices": [{"text": word, "index": 0}]}),
    WORDS.map(lambda word: {"note": {"content": word}, "model": "another"}),
)
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
OTHER_EVENTS = st.sampled_from([
    chat({"role": "assistant", "content": ""}),
    chat({"content": "x"}, usage=USAGE),
    chat({"content": "x"}, model="gpt-4o-mini"),
    chat({"content": "x"}, error={"type": "overloaded", "content": "x"}),
    chat({"content": "x"}, x_groq={"usage": USAGE}),
    {"choices": [], "usage": USAGE},
    {"type": "error", "error": {"type": "overloaded_error", "text": "x"}},
    {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 3}}},
    {"type": "message_delta", "delta": {"text": "x"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop", "content": "x"},
    {"type": "response.completed", "delta": "x", "response": {"usage": {"output_tokens": 2}}},
])  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Events of a few shapes, some repeated with other words, in the styles of different JSON encoders."""
    values = draw(
        st.lists(TEXT_EVENTS | OTHER_EVENTS | st.dictionaries(NAMES, JSON, max_size=4), max_size=12)
    )
    ascii_only, compact, named = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    out = bytearray()
    for value in values:
        text = json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":") if compact else None)
        kind = value.get("type")
        name = f"event: {kind}\n" if named and isinstance(kind, str) and kind.isprintable() else ""
        out += f"{name}data: {text}\n\n".encode("utf-8", "surrogatepass")
    return bytes(out)


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@UNTIMED
@given(stream=streams())
def test_fast_path_gives_the_same_state_after_each_event(api: Api, stream: bytes) -> None:
    assert read_fast(api, stream) == read_plainly(api, stream)


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@UNTIMED
@given(
    stream=streams().filter(bool),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=2)), max_size=3),
)
@example(stream=events(chat({"content": "a"}), done=False), changes=[])
def test_stream_with_changed_bytes_gives_the_same_state(
    api: Api, stream: bytes, changes: list[tuple[int, bytes]]
) -> None:
    twice = bytearray(stream + stream)
    for place, new in changes:
        at = len(stream) + place % len(stream)
        twice[at : at + 1] = new
    assert read_fast(api, bytes(twice)) == read_plainly(api, bytes(twice))


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@UNTIMED
@given(stream=streams(), cuts=st.lists(st.integers(0, 4000), max_size=12), drop_usage=st.booleans())
def test_fast_path_and_plain_path_give_the_same_result_at_any_cuts(
    api: Api, stream: bytes, cuts: list[int], drop_usage: bool
) -> None:
    stream = stream * 2  # the second half matches what was learned from the first
    borders = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    fast, plain = (
        StreamFilter(AnswerReader(api), drop_usage=drop_usage, fast_path=fast_path)
        for fast_path in (True, False)
    )
    for start, end in itertools.pairwise(borders):
        assert fast.feed(stream[start:end]) == plain.feed(stream[start:end])
        assert state(fast.answer) == state(plain.answer)
        assert fast.in_event == plain.in_event
    assert fast.end() == plain.end()
    assert state(fast.answer) == state(plain.answer)


@UNTIMED
@given(stream=streams(), cuts=st.lists(st.integers(0, 4000), max_size=6), drop_usage=st.booleans())
def test_chunk_borders_do_not_change_the_result(stream: bytes, cuts: list[int], drop_usage: bool) -> None:
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    whole, parts = (StreamFilter(AnswerReader("openai"), drop_usage=drop_usage) for _ in range(2))
    expected = whole.feed(stream) + whole.end()
    cut = [parts.feed(stream[start:end]) for start, end in itertools.pairwise(borders)]
    assert b"".join(cut) + parts.end() == expected
    assert state(parts.answer) == state(whole.answer) == read_plainly("openai", stream)[-1]


@needs_real_input
@pytest.mark.parametrize("recording", [one for one in RECORDINGS if one.stream], ids=lambda one: one.id)
def test_recorded_streams_give_the_same_state(recording: Recording) -> None:
    api = api_of(recording.path)
    assert read_fast(api, recording.body) == read_plainly(api, recording.body)


MATCHES: list[tuple[str, bytes, bytes, int | None]] = [
    ("another word", rb'{"delta":"a"}', rb'{"delta":"word"}', 4),
    ("no word", rb'{"delta":"a"}', rb'{"delta":""}', 0),
    ("two texts", rb'{"delta":"a","text":"b"}', rb'{"delta":"aa","text":"bbb"}', 5),
    ("escapes are counted as what they stand for", rb'{"delta":"a"}', rb'{"delta":"\n\"\\n"}', 4),
    ("UTF-8 in bytes", rb'{"delta":"a"}', '{"delta":"é😀"}'.encode(), 6),
    ("what is no UTF-8", rb'{"delta":"a"}', b'{"delta":"\xff"}', None),
    ("an escape that must be read", rb'{"delta":"a"}', rb'{"delta":"\u00e9"}', None),
    ("a control character", rb'{"delta":"a"}', b'{"delta":"\x01"}', None),
    ("another value", rb'{"delta":"a","x":1}', rb'{"delta":"a","x":2}', None),
    ("another key", rb'{"delta":"a"}', rb'{"content":"a"}', None),
    ("more after it", rb'{"delta":"a"}', rb'{"delta":"a"} ', None),
    ("less of it", rb'{"delta":"a"}', rb'{"delta":"a"', None),
    ("a number", rb'{"sequence_number":1,"delta":"a"}', rb'{"sequence_number":23,"delta":"a"}', 1),
    ("no number", rb'{"sequence_number":1,"delta":"a"}', rb'{"sequence_number":01,"delta":"a"}', None),
]


@pytest.mark.parametrize(
    ("sample", "event", "size"), [row[1:] for row in MATCHES], ids=[row[0] for row in MATCHES]
)
def test_template_measures_the_text_of_a_matching_event(
    sample: bytes, event: bytes, size: int | None
) -> None:
    template = EventTemplate.of(sample)
    assert template is not None
    assert template.text_bytes(event) == size


@pytest.mark.parametrize("raw", [b"data: [DONE]", rb'{"delta":""}', rb'{"x":"a"}', rb'{"delta":"\u00e9"}'])
def test_event_without_measurable_text_has_no_template(raw: bytes) -> None:
    assert EventTemplate.of(raw) is None


def test_very_long_event_has_no_template() -> None:
    assert EventTemplate.of(b'{"delta":"' + b"x" * 65_536 + b'"}') is None


def test_most_events_of_a_long_stream_are_not_decoded_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    slow = AnswerReader.read_event

    def counting(reading: AnswerReader, event: Any) -> bool:
        nonlocal read
        read += 1
        return slow(reading, event)

    monkeypatch.setattr(AnswerReader, "read_event", counting)
    text = {"type": "content_block_delta", "index": 0}
    for body in (
        events(*(chat({"content": f" {n}"}, usage=None) for n in range(100))),
        named_events(*({**text, "delta": {"type": "text_delta", "text": f"{n}"}} for n in range(100))),
    ):
        read = 0
        StreamFilter(AnswerReader("openai"), drop_usage=True).feed(body)
        assert read <= 5
        read = 0
        StreamFilter(AnswerReader("openai"), drop_usage=True, fast_path=False).feed(body)
        assert read >= 100
