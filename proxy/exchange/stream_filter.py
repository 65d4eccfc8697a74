"""A stream on its way: read, less the usage chunk that only Relay asked for, scrubbed values put back."""

from __future__ import annotations

from proxy.json_decoding import decode
from proxy.metering.answer import Reading
from proxy.pii.stream import StreamRestorer
from proxy.sse import Event, EventSplitter, parse_event


class StreamFilter:
    """Reads a stream as it passes and, when asked to, leaves out the usage chunk that Relay asked for."""

    def __init__(self, reading: Reading, *, drop_usage: bool, restorer: StreamRestorer | None = None) -> None:
        self.reading = reading
        self._drop_usage = drop_usage
        self._restorer = restorer
        self._whole_events = drop_usage or restorer is not None
        self._splitter = EventSplitter()

    @property
    def in_event(self) -> bool:
        """Whether the client has the beginning of an event but not its end."""
        return not self._whole_events and self._splitter.in_event

    def feed(self, chunk: bytes) -> bytes:
        """Takes a chunk from upstream and gives what goes to the client: the same bytes, or less a chunk."""
        if self._restorer is None and not self._splitter.in_event and self.reading.skim(chunk):
            return chunk  # as nearly always: one event, and nothing new in it
        kept = [
            self._restorer.event(event) if self._restorer else event.raw
            for event in self._splitter.feed(chunk)
            if not (self.reading.read(event) and self._drop_usage and is_usage_chunk(event))
        ]
        if not self._whole_events:
            return chunk
        return kept[0] if len(kept) == 1 else b"".join(kept)

    def end(self) -> bytes:
        """The stream is over: what was still held back."""
        rest = self._splitter.rest()
        self.reading.read_end(rest)
        if self._drop_usage and is_usage_chunk(parse_event(rest)):
            rest = b""  # one that no blank line ends
        if self._restorer is not None:
            return self._restorer.last(rest)
        return rest if self._drop_usage else b""

    def flush(self) -> bytes:
        """The stream broke off: whole events with what was held back of texts."""
        return self._restorer.end() if self._restorer else b""


def is_usage_chunk(event: Event) -> bool:
    """Whether this is OpenAI's extra chunk: it has `usage`, its `choices` are empty, it tells no error."""
    if b'"usage"' not in event.data:
        return False
    value = decode(event.data)
    if not isinstance(value, dict) or value.get("error") is not None:
        return False
    return isinstance(value.get("usage"), dict) and value.get("choices") == []
