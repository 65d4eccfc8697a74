"""Values come back in streams, wherever a placeholder is cut, and nothing is held that need not be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import Reading
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

pieces_of_text = st.lists(
    st.sampled_from([*VALUES, "<EMAIL_ADDRESS_2>", "<", "<EMAIL", "<<", ">", "a", "é", "1"]), max_size=12
).map("".join)


def restored(stream: bytes) -> bytes:
    """A stream as the client gets it."""
    restorer, splitter = StreamRestorer(RESTORER), EventSplitter()
    out = b"".join(restorer.event(event) for event in splitter.feed(stream))
    return out + restorer.end() + splitter.rest()


def data(stream: bytes) -> list[dict[str, Any]]:
    """The JSON of a stream's events."""
    found = [event.data for event in EventSplitter().feed(stream)]
    return [json.loads(each) for each in found if each and each != b"[DONE]"]


def cut(text: str, cuts: Sequence[int]) -> list[str]:
    """A text in pieces."""
    places = sorted({0, len(text), *(at % (len(text) + 1) for at in cuts)})
    return [text[start:end] for start, end in pairwise(places)] or [""]


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
    """Every text below these keys, in order, joined."""
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
@given(text=pieces_of_text, places=cuts)
def test_a_text_in_any_pieces_is_the_text_with_its_values_back(
    stream: Any, key: str, text: str, places: list[int]
) -> None:
    out = restored(stream(cut(text, places)))
    assert deltas(data(out), frozenset({key})) == RESTORER.text(text)


def as_go(text: str) -> str:
    """JSON as Go's encoder writes it."""
    return text.replace("<", r"\u003c").replace(">", r"\u003e")


@pytest.mark.parametrize("encoded", [str, as_go])
@pytest.mark.parametrize(("stream", "key"), JSON)
@given(parts=st.dictionaries(st.text("ab<", min_size=1, max_size=3), pieces_of_text, max_size=3), places=cuts)
def test_the_arguments_of_a_call_stay_json_whatever_is_put_into_them(
    stream: Any, key: str, encoded: Callable[[str], str], parts: dict[str, str], places: list[int]
) -> None:
    out = restored(stream(cut(encoded(json.dumps(parts, ensure_ascii=False)), places)))
    expected = {name: RESTORER.text(text) for name, text in parts.items()}
    assert json.loads(deltas(data(out), frozenset({key}))) == expected


def test_the_whole_texts_that_the_last_events_repeat_are_restored_too() -> None:
    done, completed = data(restored(responses_stream(["<EMAIL_ADD", "RESS_1>"])))[-2:]
    assert done["text"] == "ada@example.com"
    assert completed["response"]["output"] == [{"text": "ada@example.com"}]


@given(pieces_of_text, cuts)
def test_never_more_is_held_than_the_beginning_of_a_placeholder(text: str, places: list[int]) -> None:
    channel = Channel(RESTORER, escaped=False)
    for piece in cut(text, places):
        channel.feed(piece)
        assert channel.pending == "" or any(
            token.startswith(channel.pending) and token != channel.pending for token in VALUES
        )


@given(st.text(), cuts)
def test_what_holds_no_placeholder_passes_as_the_bytes_it_was(text: str, places: list[int]) -> None:
    stream = chat_stream(cut(text.replace("<", ""), places))
    assert restored(b": ping\n\n" + stream) == b": ping\n\n" + stream


@given(pieces_of_text, cuts, st.booleans())
def test_the_stream_may_arrive_in_any_pieces(text: str, places: list[int], drop_usage: bool) -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 1}}\n\n'
    stream = chat_stream(cut(text, [3, 7, 11])) + usage
    filtered = StreamFilter(Reading("openai"), drop_usage=drop_usage, restorer=StreamRestorer(RESTORER))
    borders = sorted({0, len(stream), *(at % len(stream) for at in places)})
    out = b"".join(filtered.feed(stream[start:end]) for start, end in pairwise(borders)) + filtered.end()
    assert out == restored(stream).replace(usage, b"" if drop_usage else usage)


def test_a_stream_that_ends_inside_an_event_loses_nothing() -> None:
    whole = events(_chunk("a <"), {"x": "<NOTE_1>"}, done=False)
    filtered = StreamFilter(Reading("openai"), drop_usage=False, restorer=StreamRestorer(RESTORER))
    out = filtered.feed(whole[:-1]) + filtered.end()
    assert data(out) == [_chunk("a "), {"x": 'a "b"\n'}, _chunk("<")]


def test_every_piece_leaves_with_its_own_event_at_once() -> None:
    restorer = StreamRestorer(RESTORER)
    first = restorer.event(
        parse_event(events({"choices": [{"index": 0, "delta": {"content": "Hi <EMAIL"}}]}, done=False))
    )
    assert data(first) == [{"choices": [{"index": 0, "delta": {"content": "Hi "}}]}]


def test_choices_are_held_apart() -> None:
    def chunk(index: int, text: str) -> dict[str, Any]:
        return {"choices": [{"index": index, "delta": {"content": text}}]}

    out = data(
        restored(events(chunk(0, "<EMAIL_"), chunk(1, "<NOTE"), chunk(0, "ADDRESS_1>"), chunk(1, "_1>")))
    )
    assert out == [chunk(0, ""), chunk(1, ""), chunk(0, "ada@example.com"), chunk(1, 'a "b"\n')]


# How a stream may end while something is held back: what the client then gets of it, in order.
def _finish(delta: dict[str, str]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}


def _chunk(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


ENDS = [
    # in an event of its own before the end
    ([_chunk("a <"), _finish({})], [_chunk("a "), _chunk("<"), _finish({})]),
    # with the last piece, which may also be the rest of a placeholder
    ([_chunk("a <"), _finish({"content": "b"})], [_chunk("a "), _finish({"content": "<b"})]),
    ([_chunk("<NOTE"), _finish({"content": "_1><"})], [_chunk(""), _finish({"content": 'a "b"\n<'})]),
    # without an end
    ([_chunk("a <")], [_chunk("a "), _chunk("<")]),
    # in an error
    ([_chunk("a <"), {"error": {"message": "x"}}], [_chunk("a "), _chunk("<"), {"error": {"message": "x"}}]),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), ENDS)
def test_what_was_held_goes_out_at_the_end(
    sent: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    assert data(restored(events(*sent, done=False))) == expected


def test_an_event_that_is_changed_keeps_its_name_its_id_and_its_comments() -> None:
    raw = b'event: x\r\nid: 7\r\n: note\r\ndata: {"type": "x",\r\ndata: "t": "<EMAIL_ADDRESS_1>"}\r\n\r\n'
    assert restored(raw) == b'event: x\nid: 7\n: note\ndata: {"type":"x","t":"ada@example.com"}\n\n'


def test_usage_is_not_told_twice_by_an_event_of_its_own() -> None:
    first = _chunk("<") | {"usage": {"prompt_tokens": 1}}
    out = data(restored(events(first, _finish({}))))
    assert [("usage" in each) for each in out] == [True, False, False]
