"""Restoring values in streams, wherever a placeholder is split, with minimal buffering."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import AnswerReader
from proxy.pii.restore import Channel, Restorer
from proxy.pii.stream import StreamRestorer
from proxy.sse import EventSplitter, parse_event
from tests.support.replay import events, named_events

VALUES = {
    "<EMAIL_ADDRESS_1>": "ada@example.com",
    "<EMAIL_ADDRESS_12>": "<EMAIL_ADDRESS_1>",
    "<NOTE_1>": 'a "b"\n',
}
RESTORER = Restorer(VALUES)

token_texts = st.lists(
    st.sampled_from([*VALUES, "<EMAIL_ADDRESS_2>", "<", "<EMAIL", "<<", ">", "a", "é", "1"]), max_size=12
).map("".join)


def restored(stream: bytes) -> bytes:
    """Return a stream with its values restored."""
    restorer, splitter = StreamRestorer(RESTORER), EventSplitter()
    out = b"".join(restorer.event(event) for event in splitter.feed(stream))
    return out + restorer.end() + splitter.rest()


def data(stream: bytes) -> list[dict[str, Any]]:
    """Return the JSON of a stream's events."""
    found = [event.data for event in EventSplitter().feed(stream)]
    return [json.loads(each) for each in found if each and each != b"[DONE]"]


def cut(text: str, cuts: Sequence[int]) -> list[str]:
    """Cut a text at some positions."""
    positions = sorted({0, len(text), *(at % (len(text) + 1) for at in cuts)})
    return [text[start:end] for start, end in pairwise(positions)] or [""]


cuts = st.lists(st.integers(0, 400), max_size=30)


def chat_stream(texts: Sequence[str], field: str = "content") -> bytes:
    return events(*({"id": "c", "choices": [{"index": 0, "delta": {field: text}, "finish_reason": None}]}
                    for text in texts),
                  {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})  # fmt: skip


def tool_stream(texts: Sequence[str]) -> bytes:
    deltas = [{"tool_calls": [{"index": 3, "function": {"arguments": text}}]} for text in texts]
    return events(*({"choices": [{"index": 1, "delta": delta, "finish_reason": None}]} for delta in deltas),
                  {"choices": [{"index": 1, "delta": {}, "finish_reason": "tool_calls"}]})  # fmt: skip


def block_stream(texts: Sequence[str], field: str = "text") -> bytes:
    deltas = [{"type": f"{field}_delta", field: text} for text in texts]
    return named_events(*({"type": "content_block_delta", "index": 2, "delta": delta} for delta in deltas),
                        {"type": "content_block_stop", "index": 2}, {"type": "message_stop"})  # fmt: skip


def responses_stream(texts: Sequence[str], kind: str = "response.output_text") -> bytes:
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    full = {"arguments" if "arguments" in kind else "text": "".join(texts)}
    return named_events(*({"type": f"{kind}.delta", **place, "delta": text} for text in texts),
                        {"type": f"{kind}.done", **place, **full},
                        {"type": "response.completed", "response": {"output": [full]}})  # fmt: skip


def deltas(value: object, keys: frozenset[str]) -> str:
    """Join the texts of these keys, in order."""
    if isinstance(value, dict):
        return "".join(
            inner if name in keys and isinstance(inner, str) else deltas(inner, keys)
            for name, inner in value.items()
        )
    return "".join(deltas(item, keys) for item in value) if isinstance(value, list) else ""


PLAIN = [
    (chat_stream, "content"),
    (lambda texts: chat_stream(texts, "reasoning_content"), "reasoning_content"),
    (lambda texts: chat_stream(texts, "refusal"), "refusal"),
    (block_stream, "text"),
    (lambda texts: block_stream(texts, "thinking"), "thinking"),
    (responses_stream, "delta"),
    (lambda texts: responses_stream(texts, "response.reasoning_summary_text"), "delta"),
]
JSON = [
    (tool_stream, "arguments"),
    (lambda texts: block_stream(texts, "partial_json"), "partial_json"),
    (lambda texts: responses_stream(texts, "response.function_call_arguments"), "delta"),
]


@pytest.mark.parametrize(("stream", "key"), PLAIN)
@given(text=token_texts, positions=cuts)
def test_text_in_any_chunks_is_restored(stream: Any, key: str, text: str, positions: list[int]) -> None:
    out = restored(stream(cut(text, positions)))
    assert deltas(data(out), frozenset({key})) == RESTORER.text(text)


def as_go(text: str) -> str:
    """Escape JSON as Go's encoder does."""
    return text.replace("<", r"\u003c").replace(">", r"\u003e")


@pytest.mark.parametrize("encoded", [str, as_go])
@pytest.mark.parametrize(("stream", "key"), JSON)
@given(parts=st.dictionaries(st.text("ab<", min_size=1, max_size=3), token_texts, max_size=3), positions=cuts)
def test_arguments_stay_valid_json_when_values_are_restored(
    stream: Any, key: str, encoded: Callable[[str], str], parts: dict[str, str], positions: list[int]
) -> None:
    out = restored(stream(cut(encoded(json.dumps(parts, ensure_ascii=False)), positions)))
    expected = {name: RESTORER.text(text) for name, text in parts.items()}
    assert json.loads(deltas(data(out), frozenset({key}))) == expected


def test_complete_texts_in_final_events_are_restored() -> None:
    done, completed = data(restored(responses_stream(["<EMAIL_ADD", "RESS_1>"])))[-2:]
    assert done["text"] == "ada@example.com"
    assert completed["response"]["output"] == [{"text": "ada@example.com"}]


@given(token_texts, cuts)
def test_only_the_beginning_of_a_placeholder_is_buffered(text: str, positions: list[int]) -> None:
    channel = Channel(RESTORER, escaped=False)
    for fragment in cut(text, positions):
        channel.feed(fragment)
        assert channel.pending == "" or any(
            token.startswith(channel.pending) and token != channel.pending for token in VALUES
        )


@given(st.text(), cuts)
def test_events_without_placeholders_keep_their_bytes(text: str, positions: list[int]) -> None:
    stream = chat_stream(cut(text.replace("<", ""), positions))
    assert restored(b": ping\n\n" + stream) == b": ping\n\n" + stream


@given(token_texts, cuts, st.booleans())
def test_stream_in_any_chunks(text: str, positions: list[int], drop_usage: bool) -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 1}}\n\n'
    stream = chat_stream(cut(text, [3, 7, 11])) + usage
    filtered = StreamFilter(AnswerReader("openai"), drop_usage=drop_usage, restorer=StreamRestorer(RESTORER))
    borders = sorted({0, len(stream), *(at % len(stream) for at in positions)})
    out = b"".join(filtered.feed(stream[start:end]) for start, end in pairwise(borders)) + filtered.end()
    assert out == restored(stream).replace(usage, b"" if drop_usage else usage)


def test_stream_that_ends_within_an_event_loses_nothing() -> None:
    whole = events(_chunk("a <"), {"x": "<NOTE_1>"}, done=False)
    filtered = StreamFilter(AnswerReader("openai"), drop_usage=False, restorer=StreamRestorer(RESTORER))
    out = filtered.feed(whole[:-1]) + filtered.end()
    assert data(out) == [_chunk("a "), {"x": 'a "b"\n'}, _chunk("<")]


def test_text_is_sent_with_its_own_event() -> None:
    restorer = StreamRestorer(RESTORER)
    first = restorer.event(
        parse_event(events({"choices": [{"index": 0, "delta": {"content": "Hi <EMAIL"}}]}, done=False))
    )
    assert data(first) == [{"choices": [{"index": 0, "delta": {"content": "Hi "}}]}]


def test_choices_have_separate_buffers() -> None:
    def chunk(index: int, text: str) -> dict[str, Any]:
        return {"choices": [{"index": index, "delta": {"content": text}}]}

    out = data(
        restored(events(chunk(0, "<EMAIL_"), chunk(1, "<NOTE"), chunk(0, "ADDRESS_1>"), chunk(1, "_1>")))
    )
    assert out == [chunk(0, ""), chunk(1, ""), chunk(0, "ada@example.com"), chunk(1, 'a "b"\n')]


# Ends of a stream with buffered text, and what the client gets.
def _finish(delta: dict[str, str]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}


def _chunk(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


ENDS = [
    # in an additional event before the end
    ([_chunk("a <"), _finish({})], [_chunk("a "), _chunk("<"), _finish({})]),
    # with the last chunk, which may complete a placeholder
    ([_chunk("a <"), _finish({"content": "b"})], [_chunk("a "), _finish({"content": "<b"})]),
    ([_chunk("<NOTE"), _finish({"content": "_1><"})], [_chunk(""), _finish({"content": 'a "b"\n<'})]),
    # without an end
    ([_chunk("a <")], [_chunk("a "), _chunk("<")]),
    # with an error
    ([_chunk("a <"), {"error": {"message": "x"}}], [_chunk("a "), _chunk("<"), {"error": {"message": "x"}}]),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), ENDS)
def test_buffered_text_is_sent_at_the_end(sent: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert data(restored(events(*sent, done=False))) == expected


def test_changed_event_keeps_name_id_and_comments() -> None:
    raw = b'event: x\r\nid: 7\r\n: note\r\ndata: {"type": "x",\r\ndata: "t": "<EMAIL_ADDRESS_1>"}\r\n\r\n'
    assert restored(raw) == b'event: x\nid: 7\n: note\ndata: {"type":"x","t":"ada@example.com"}\n\n'


def test_additional_event_does_not_repeat_usage() -> None:
    first = _chunk("<") | {"usage": {"prompt_tokens": 1}}
    out = data(restored(events(first, _finish({}))))
    assert [("usage" in each) for each in out] == [True, False, False]
