"""Restores the values in a stream of events, also where placeholders are split between events.

Each text (choice, content block, output item) has its own channel. Events without placeholders keep their
bytes. At most the beginning of a placeholder is buffered; it is sent at the latest in an additional event
before the one that ends the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from proxy.pii.restore import Channel, Restorer, decode, encode, may_have_placeholder, restored_raw
from proxy.pii.stream_fields import Key, StreamField, ended_by, stream_fields
from proxy.sse import Event, parse_event

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")

Ended = Callable[[Key], bool]


class StreamRestorer:
    """Restores the events of one stream, in order, and returns the bytes for the client."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._channels: dict[Key, Channel] = {}
        self._buffered: dict[Key, StreamField] = {}

    def event(self, event: Event) -> bytes:
        """Return one restored event, preceded by additional events for buffered text."""
        # A backslash, doubled in JSON, may begin the escape of a `<`.
        if not self._buffered and not may_have_placeholder(event.data) and b"\\\\" not in event.data:
            return event.raw
        if event.data == b"[DONE]":
            return self.end() + event.raw
        value = decode(event.data)
        if not isinstance(value, dict):
            return restored_raw(self._restorer, event.raw, escaped=event.data[:1] in {b"{", b"["})
        ended = ended_by(value)
        fields = list(stream_fields(value))
        texts = [field.pop_text() for field in fields]
        changed = self._restorer.value(value)
        for field, text in zip(fields, texts, strict=True):
            restored = field.holder[field.name] = self._feed(field, text, ended)
            changed = changed or restored != text
        return self._flushed(ended) + (_rewritten(event.raw, value) if changed else event.raw)

    def last(self, rest: bytes) -> bytes:
        """End the stream; `rest` is an event without its blank line, or empty."""
        out = self.event(parse_event(rest)) if rest else b""
        buffered = self.end()
        return out + b"\n\n" + buffered if out and buffered else out + buffered

    def end(self) -> bytes:
        """Return the buffered text in additional events."""
        return self._flushed(lambda _: True)

    def _feed(self, field: StreamField, text: str, ended: Ended) -> str:
        channel = self._channels.get(field.key)
        if channel is None:
            channel = self._channels[field.key] = Channel(self._restorer, escaped=field.escaped)
        restored = channel.feed(text)
        if ended(field.key):
            restored += channel.flush()
        if channel.pending:
            self._buffered[field.key] = field
        else:
            self._buffered.pop(field.key, None)
        return restored

    def _flushed(self, ended: Ended) -> bytes:
        """Return additional events for the buffered text of the channels that have ended."""
        out = bytearray()
        for key in [key for key in self._buffered if ended(key)]:
            value = self._buffered.pop(key).make_event(self._channels[key].flush())
            name = value.get("type")
            out += f"event: {name}\n".encode() if isinstance(name, str) else b""
            out += b"data: " + encode(value) + b"\n\n"
        return bytes(out)


def _rewritten(raw: bytes, value: dict[str, Any]) -> bytes:
    """Return an event with other data and the same name, id and comments."""
    lines = [line for line in _LINE_END.split(raw) if line and line.partition(b":")[0] != b"data"]
    return b"".join(line + b"\n" for line in (*lines, b"data: " + encode(value))) + b"\n"
