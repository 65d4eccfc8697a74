"""Puts values back into a stream of events, whatever the pieces are in which placeholders come.

Each text has a channel of its own (choice, content block, output item). What needs no change passes as the
bytes it was; what is held back is never more than the beginning of a placeholder, and goes out at the latest
in an event of its own before the one that ends the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from proxy.pii.restore import Channel, Restorer, decode, encode, may_hold_token, restored_raw
from proxy.pii.stream_fields import Key, Spot, ended_by, text_spots
from proxy.sse import Event, parse_event

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")

Ended = Callable[[Key], bool]


class StreamRestorer:
    """Restores the events of one stream, in order. Gives the bytes that go to the client."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._channels: dict[Key, Channel] = {}
        self._held: dict[Key, Spot] = {}

    def event(self, event: Event) -> bytes:
        """One event restored, after those that what was held back needs."""
        # A backslash, which JSON doubles, may begin the escape of a `<`.
        if not self._held and not may_hold_token(event.data) and b"\\\\" not in event.data:
            return event.raw
        if event.data == b"[DONE]":
            return self.end() + event.raw
        value = decode(event.data)
        if not isinstance(value, dict):
            return restored_raw(self._restorer, event.raw, escaped=event.data[:1] in {b"{", b"["})
        ended = ended_by(value)
        spots = list(text_spots(value))
        pieces = [spot.take() for spot in spots]
        changed = self._restorer.value(value)
        for spot, piece in zip(spots, pieces, strict=True):
            passed = spot.holder[spot.field] = self._feed(spot, piece, ended)
            changed = changed or passed != piece
        return self._flushed(ended) + (_rewritten(event.raw, value) if changed else event.raw)

    def last(self, rest: bytes) -> bytes:
        """The stream is over; `rest` is an event without its blank line, or nothing."""
        out = self.event(parse_event(rest)) if rest else b""
        held = self.end()
        return out + b"\n\n" + held if out and held else out + held

    def end(self) -> bytes:
        """What is still held back, in events of their own."""
        return self._flushed(lambda _: True)

    def _feed(self, spot: Spot, piece: str, ended: Ended) -> str:
        channel = self._channels.get(spot.key)
        if channel is None:
            channel = self._channels[spot.key] = Channel(self._restorer, escaped=spot.escaped)
        passed = channel.feed(piece)
        if ended(spot.key):
            passed += channel.flush()
        if channel.pending:
            self._held[spot.key] = spot
        else:
            self._held.pop(spot.key, None)
        return passed

    def _flushed(self, ended: Ended) -> bytes:
        """Events of their own for the rests of the channels that have ended."""
        out = bytearray()
        for key in [key for key in self._held if ended(key)]:
            value = self._held.pop(key).alone(self._channels[key].flush())
            name = value.get("type")
            out += f"event: {name}\n".encode() if isinstance(name, str) else b""
            out += b"data: " + encode(value) + b"\n\n"
        return bytes(out)


def _rewritten(raw: bytes, value: dict[str, Any]) -> bytes:
    """An event with other data; its name, id and comments stay."""
    lines = [line for line in _LINE_END.split(raw) if line and line.partition(b":")[0] != b"data"]
    return b"".join(line + b"\n" for line in (*lines, b"data: " + encode(value))) + b"\n"
