"""Splits a stream of bytes into server-sent events (WHATWG HTML, 9.2), wherever its chunks end."""

from __future__ import annotations

import re
from typing import Final

MAX_EVENT_BYTES: Final = 16_777_216

# A trailing CR may be half of a CRLF: it ends a line only when the next byte is known.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
# Comments alone prove nothing: some upstreams send them before JSON too.
_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?(?::[^\r\n]*[\r\n]|[\r\n])*(?:data|event|id|retry):")


class Event:
    """One event: its raw bytes, its name (default `message`) and its data, parsed when first used."""

    __slots__ = ("_fields", "raw")

    def __init__(self, raw: bytes, fields: tuple[str, bytes] | None = None) -> None:
        self.raw = raw
        self._fields = fields

    @property
    def name(self) -> str:
        """The value of the last `event:` line."""
        return self._parse()[0]

    @property
    def data(self) -> bytes:
        """The `data:` lines, joined by newlines; comments and unknown fields are ignored."""
        return self._parse()[1]

    def _parse(self) -> tuple[str, bytes]:
        if self._fields is None:
            self._fields = _parse(self.raw)
        return self._fields


class EventSplitter:
    """Splits a stream into events. An event longer than `MAX_EVENT_BYTES` is returned in parts, unparsed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    @property
    def in_event(self) -> bool:
        """Whether the stream is inside an event."""
        return bool(self._buffer)

    def feed(self, chunk: bytes) -> list[Event]:
        """Returns the events that end in this chunk."""
        if self._buffer or b"\r" in chunk:
            return self._feed_buffered(chunk)
        events, begun = [], 0  # the usual case: whole events, nothing to buffer
        while (end := chunk.find(b"\n\n", begun) + 2) > 1:
            events.append(Event(chunk[begun:end]))
            begun = end
            if begun == len(chunk):
                return events
        return events + self._feed_buffered(chunk[begun:])

    def _feed_buffered(self, chunk: bytes) -> list[Event]:
        """The same for events over several chunks, and for every kind of line end."""
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
        """Returns and clears what is left at the end: an event without its blank line, or nothing."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return raw


def begins_stream(data: bytes) -> bool:
    """Whether a body of unknown type begins like a stream of events, and not like JSON."""
    return _BEGINS.match(data) is not None


def parse_event(raw: bytes) -> Event:
    """The event with these raw bytes."""
    return Event(raw)


def _parse(raw: bytes) -> tuple[str, bytes]:
    """Parses the name and data of an event."""
    name, data = "message", []
    for line in _LINE_END.split(raw.removeprefix(b"\xef\xbb\xbf")):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return name, b"\n".join(data)
