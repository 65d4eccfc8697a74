"""Filters a stream on its way to the client.

Reads every event, removes the usage chunk that only Relay requested, and restores scrubbed values.
"""

from __future__ import annotations

from proxy.json_decoding import decode
from proxy.metering.answer import AnswerReader
from proxy.metering.stream_reader import StreamReader
from proxy.pii.stream import StreamRestorer
from proxy.sse import Event, EventSplitter, parse_event


class StreamFilter:
    """Reads a stream into `answer` and returns the bytes for the client.

    `drop_usage` removes the usage chunk that Relay requested. `fast_path: False` parses every event.
    """

    def __init__(
        self,
        answer: AnswerReader,
        *,
        drop_usage: bool,
        restorer: StreamRestorer | None = None,
        fast_path: bool = True,
    ) -> None:
        self.answer = answer
        self._reader = StreamReader(answer, fast_path=fast_path)
        self._drop_usage = drop_usage
        self._restorer = restorer
        self._whole_events = drop_usage or restorer is not None
        self._splitter = EventSplitter()

    @property
    def in_event(self) -> bool:
        """Whether the client has received the beginning of an event but not its end."""
        return not self._whole_events and self._splitter.in_event

    def feed(self, chunk: bytes) -> bytes:
        """Takes a chunk from upstream and returns the bytes for the client."""
        if self._restorer is None and not self._splitter.in_event and self._reader.read_known(chunk):
            return chunk  # the usual case: one event, and only its text is new
        events = [
            self._restorer.event(event) if self._restorer else event.raw
            for event in self._splitter.feed(chunk)
            if not (self._reader.read(event) and self._drop_usage and is_usage_chunk(event))
        ]
        if not self._whole_events:
            return chunk
        return events[0] if len(events) == 1 else b"".join(events)

    def end(self) -> bytes:
        """Ends the stream; returns what was still held back."""
        rest = self._splitter.rest()
        self.answer.read_end(rest)
        if self._drop_usage and is_usage_chunk(parse_event(rest)):
            rest = b""  # a usage chunk without its blank line
        if self._restorer is not None:
            return self._restorer.last(rest)
        return rest if self._drop_usage else b""

    def flush(self) -> bytes:
        """The texts that were held back when the stream broke off, in whole events."""
        return self._restorer.end() if self._restorer else b""


def is_usage_chunk(event: Event) -> bool:
    """Whether this is OpenAI's extra chunk: it has `usage`, its `choices` are empty, it reports no error."""
    if b'"usage"' not in event.data:
        return False
    value = decode(event.data)
    if not isinstance(value, dict) or value.get("error") is not None:
        return False
    return isinstance(value.get("usage"), dict) and value.get("choices") == []
