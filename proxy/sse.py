"""Server-sent events by their specification: bytes in, whole events out, whatever the chunk borders are."""

from __future__ import annotations

import re
from typing import Final

MAX_EVENT_BYTES: Final = 16_777_216

# A carriage return at the very end may be half of a CRLF: it is no line end until the next byte is known.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
# Comments alone tell nothing: some send them before JSON too.
_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?(?::[^\r\n]*[\r\n]|[\r\n])*(?:data|event|id|retry):")


class Event:
    """One event: its bytes as they came, its name (`message` unless named), its data; read when asked for."""

    __slots__ = ("_told", "raw")

    def __init__(self, raw: bytes, told: tuple[str, bytes] | None = None) -> None:
        self.raw = raw
        self._told = told

    @property
    def name(self) -> str:
        """What its last `event:` line says."""
        return self._read()[0]

    @property
    def data(self) -> bytes:
        """Its `data:` lines, joined by newlines; comments and unknown fields left out."""
        return self._read()[1]

    def _read(self) -> tuple[str, bytes]:
        if self._told is None:
            self._told = _read(self.raw)
        return self._told


class EventSplitter:
    """Cuts a stream into events. An event longer than `MAX_EVENT_BYTES` is given out in pieces, unread."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    @property
    def in_event(self) -> bool:
        """Whether an event has begun that has not ended."""
        return bool(self._buffer)

    def feed(self, chunk: bytes) -> list[Event]:
        """Gives the events that end in this chunk."""
        if self._buffer or b"\r" in chunk:
            return self._searched_through(chunk)
        events, begun = [], 0  # as nearly always: nothing is to be copied
        while (end := chunk.find(b"\n\n", begun) + 2) > 1:
            events.append(Event(chunk[begun:end]))
            begun = end
            if begun == len(chunk):
                return events
        return events + self._searched_through(chunk[begun:])

    def _searched_through(self, chunk: bytes) -> list[Event]:
        """The same where an event has begun before, or a line may end in any of three ways."""
        self._buffer += chunk
        events, start = [], 0
        while match := _EVENT_END.search(self._buffer, max(self._searched, start)):
            events.append(Event(bytes(self._buffer[start : match.end()])))
            start = self._searched = match.end()
        del self._buffer[:start]
        self._searched = max(len(self._buffer) - 3, 0)
        if len(self._buffer) > MAX_EVENT_BYTES:
            events.append(Event(self.rest(), ("oversized", b"")))
        return events

    def rest(self) -> bytes:
        """What is left when the stream ends: an event without its blank line, or nothing."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return raw


def begins_stream(data: bytes) -> bool:
    """Whether a body that does not say what it is begins as a stream of events does, and JSON never does."""
    return _BEGINS.match(data) is not None


def parse_event(raw: bytes) -> Event:
    """The event that these bytes are."""
    return Event(raw)


def _read(raw: bytes) -> tuple[str, bytes]:
    """The name and data of an event."""
    name, data = "message", []
    for line in _LINE_END.split(raw.removeprefix(b"\xef\xbb\xbf")):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return name, b"\n".join(data)
