"""Server-sent events by their specification: bytes in, whole events out, whatever the chunk borders are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

MAX_EVENT_BYTES: Final = 16_777_216

# A carriage return at the very end may be half of a CRLF: it is no line end until the next byte is known.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Event(msgspec.Struct, frozen=True):
    """One event: its name (`message` unless named), its data, and its bytes as they came."""

    name: str
    data: bytes
    raw: bytes


class EventSplitter:
    """Cuts a stream into events. An event longer than `MAX_EVENT_BYTES` is given out in pieces, unread."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    @property
    def in_event(self) -> bool:
        """Whether an event has begun that has not ended."""
        return bool(self._buffer)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Gives the events that end in this chunk."""
        self._buffer += chunk
        start = 0
        while match := _EVENT_END.search(self._buffer, max(self._searched, start)):
            raw = bytes(self._buffer[start : match.end()])
            start = self._searched = match.end()
            yield parse_event(raw)
        del self._buffer[:start]
        self._searched = max(len(self._buffer) - 3, 0)
        if len(self._buffer) > MAX_EVENT_BYTES:
            yield Event("oversized", b"", self.rest())

    def rest(self) -> bytes:
        """What is left when the stream ends: an event without its blank line, or nothing."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return raw


def parse_event(raw: bytes) -> Event:
    """Reads one event; several `data:` lines are joined by newlines, comments and unknown fields left out."""
    name, data = "message", []
    for line in _LINE_END.split(raw.removeprefix(b"\xef\xbb\xbf")):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(name, b"\n".join(data), raw)
