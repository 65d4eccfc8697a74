"""Server-sent events by the specification: the same events at any cuts, and no byte lost."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy import sse
from proxy.sse import Event, EventSplitter, parse_event
from tests.support.arbitrary import UNTIMED

Parsed = tuple[str, bytes]


def split(*chunks: bytes) -> list[Event]:
    """Every event of a stream that came in these chunks, the unfinished last one included."""
    splitter = EventSplitter()
    events = [event for chunk in chunks for event in splitter.feed(chunk)]
    rest = splitter.rest()
    return [*events, parse_event(rest)] if rest else events


def parsed(*chunks: bytes) -> list[Parsed]:
    """Name and data of every event that says anything."""
    return [(event.name, event.data) for event in split(*chunks) if event.data or event.name != "message"]


STREAMS: list[tuple[str, bytes, list[Parsed]]] = [
    ("lines ended by LF", b"data: a\n\ndata: b\n\n", [("message", b"a"), ("message", b"b")]),
    (
        "lines ended by CRLF",
        b"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n",
        [("x", b"a"), ("message", b"b")],
    ),
    ("lines ended by CR", b"data: a\r\rdata: b\r\r", [("message", b"a"), ("message", b"b")]),
    ("line ends mixed", b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n",
     [("message", b"a"), ("message", b"b"), ("message", b"c")]),
    ("several data lines", b"data: a\ndata:\ndata:  b\n\n", [("message", b"a\n\n b")]),
    ("no space after the colon", b"event:error\ndata:{}\n\n", [("error", b"{}")]),
    ("a field without a colon", b"data\ndata: x\n\n", [("message", b"\nx")]),
    ("comments", b": keep-alive\n\n: OPENROUTER PROCESSING\n\ndata: a\n\n", [("message", b"a")]),
    ("a comment inside an event", b"data: a\n: still here\ndata: b\n\n", [("message", b"a\nb")]),
    ("fields that mean nothing here", b"id: 7\nretry: 10\nfoo: bar\ndata: a\n\n", [("message", b"a")]),
    ("a byte order mark", b"\xef\xbb\xbfdata: a\n\n", [("message", b"a")]),
    ("no blank line at the end", b"data: a\n\ndata: b", [("message", b"a"), ("message", b"b")]),
    ("blank lines in abundance", b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n",
     [("message", b"a"), ("message", b"b")]),
    ("characters of several bytes", "data: é😀\n\n".encode(), [("message", "é😀".encode())]),
    ("an event name that is not UTF-8", b"event: \xff\ndata: a\n\n", [("\ufffd", b"a")]),
    ("nothing", b"", []),
]  # fmt: skip
NAMED = pytest.mark.parametrize(
    ("stream", "expected"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS]
)


@NAMED
def test_stream_is_parsed_by_the_specification(stream: bytes, expected: list[Parsed]) -> None:
    assert parsed(stream) == expected


@NAMED
def test_every_cut_gives_the_same_events(stream: bytes, expected: list[Parsed]) -> None:
    cuts = [(0,), *itertools.combinations_with_replacement(range(len(stream) + 1), 2)]
    for cut in cuts:
        fragments = [stream[start:end] for start, end in itertools.pairwise((0, *cut, len(stream)))]
        assert parsed(*fragments) == expected, fragments
    assert parsed(*(bytes([byte]) for byte in stream)) == expected


LINES = st.sampled_from(
    [b"data: x", b"data:", b"event: error", b": c", b"", b"da", b"\xef\xbb\xbf", b"\xe2\x82\xac"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b""])
ANY_STREAM = st.lists(st.tuples(LINES, ENDS)).map(lambda parts: b"".join(itertools.chain(*parts)))


@UNTIMED
@given(stream=ANY_STREAM | st.binary(max_size=60), cuts=st.lists(st.integers(0, 200), max_size=8))
@example(stream=b"data: x\r\r\ndata: y\r\r", cuts=[8, 9])
def test_any_stream_gives_the_same_events_at_any_cuts(stream: bytes, cuts: list[int]) -> None:
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    fragments = [stream[start:end] for start, end in itertools.pairwise(borders)]
    assert parsed(*fragments) == parsed(stream)
    assert b"".join(event.raw for event in split(*fragments)) == stream


def test_event_is_returned_by_the_chunk_that_ends_it() -> None:
    splitter = EventSplitter()
    assert not list(splitter.feed(b"data: a\n"))
    assert [event.data for event in splitter.feed(b"\ndata: b\n\ndata: c")] == [b"a", b"b"]
    assert splitter.rest() == b"data: c"
    assert splitter.rest() == b""


def test_oversized_event_is_returned_unparsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    stream = b"data: " + b"x" * 250 + b"\n\ndata: after\n\n"
    events = split(*(stream[at : at + 40] for at in range(0, len(stream), 40)))
    assert b"".join(event.raw for event in events) == stream
    assert [event.data for event in events if event.data] == [b"after"]


def test_long_event_in_small_chunks_is_searched_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = 0

    class Counting:
        def search(self, buffer: bytearray, start: int) -> None:
            nonlocal searched
            searched += len(buffer) - start

    monkeypatch.setattr(sse, "_EVENT_END", Counting())
    splitter = EventSplitter()
    for _ in range(1000):
        assert not list(splitter.feed(b"x" * 100))
    assert searched <= 100_000 + 1000 * 3
