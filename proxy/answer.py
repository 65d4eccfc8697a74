"""What a provider's answer tells, JSON or stream: its usage, model, faults, and where its content began.

Reads beside the bytes that pass through and never holds an answer back. It takes from a stream only one
thing: the usage chunk that the client did not ask for. Values that were scrubbed from the prompt it has put
back where `pii_stream` finds their placeholders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from proxy.errors import Api
from proxy.pii_stream import StreamRestorer
from proxy.record import Fault, clip, exact
from proxy.sse import Event, EventSplitter, parse_event
from proxy.usage import Raw, TokenUsage, first, from_anthropic, from_openai, overlay, part

MAX_JSON_BYTES: Final = 134_217_728

_decoder = msgspec.json.Decoder(float_hook=exact)
_LAST_EVENTS: Final = frozenset(
    {"message_stop", "response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)


def decode(data: bytes) -> Any:
    """JSON with exact decimals; None when it is not JSON."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_leniently(data: bytes) -> Any:
    """The same for providers' JSON: half a surrogate pair or a `NaN` must not cost the usage beside it."""
    value = decode(data)
    if value is not None:
        return value
    try:
        text = data.decode("utf-8-sig", "replace")
        return json.loads(text, parse_float=exact, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


class Reading:
    """What has been understood of one answer so far. `text_bytes` counts generated text, for estimates."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.model: str | None = None
        self.service_tier: str | None = None
        self.fault: Fault | None = None
        self.text_bytes = 0
        self.content_begun = False
        self.finished = False
        self.pending = False
        self._final = api == "openai"
        self._places: dict[str, Raw] = {}

    @property
    def usage(self) -> TokenUsage | None:
        """The token counts, from the best place that holds any; None when the provider gave none."""
        read = from_anthropic if self.api == "anthropic" else from_openai
        found = (self._places.get(place) for place in ("usage", "x_groq", "choice"))
        return next((usage for raw in found if raw and (usage := read(raw)) is not None), None)

    @property
    def usage_is_final(self) -> bool:
        """Whether the counts are the whole answer's: Anthropic's stream begins with those of its start."""
        return self._final

    def read_body(self, body: bytes) -> None:
        """Reads a whole JSON answer, or the error body of a refused request."""
        value = decode_leniently(body)
        if not isinstance(value, dict):
            what = "empty" if not body.strip() else "not a JSON object"
            self.fault = Fault(type="unreadable_answer", message=f"the upstream's answer is {what}")
            return
        self._read_object(value)
        self.finished = self._final = True
        self.pending = _text(value.get("status")) in {"queued", "in_progress"}

    def read_event(self, event: Event) -> bool:
        """Reads one event of a stream; whether it has a usage object of its own."""
        if event.data == b"[DONE]":
            self.finished = True
            return False
        value = decode_leniently(event.data) if event.data else None
        if not isinstance(value, dict):
            if event.name == "error":
                self.fault = Fault(type="upstream_error", message="the upstream sent an error event")
            return False
        kind = _text(value.get("type"))
        self.finished = self.finished or kind in _LAST_EVENTS
        self._final = self._final or (kind == "message_delta" and isinstance(value.get("usage"), dict))
        self._read_object(value)
        if "error" in {event.name, kind} and self.fault is None:
            self.fault = _fault(value)
        return isinstance(value.get("usage"), dict)

    def _read_object(self, value: dict[str, Any]) -> None:
        # The answer itself stands inside `response` (Responses) or `message` (Anthropic) in some events.
        inner = part(value, "response", "message")
        for source in (value, inner):
            if not source:
                continue
            self.model = _text(source.get("model")) or self.model
            self.service_tier = _text(source.get("service_tier")) or self.service_tier
            self._keep("usage", source.get("usage"))
            if (error := source.get("error")) is not None:
                self.fault = _fault({"error": error})
        self._keep("x_groq", part(value, "x_groq").get("usage"))
        for choice in _objects(value.get("choices")):
            self._keep("choice", choice.get("usage"))
        size = sum(len(text.encode("utf-8", "replace")) for text in generated_text(value))
        self.text_bytes += size
        self.content_begun = self.content_begun or size > 0 or value.get("type") == "content_block_delta"

    def _keep(self, place: str, raw: object) -> None:
        if not isinstance(raw, dict) or first(raw, *_COUNTS) is None:
            return
        self._places[place] = overlay(self._places.get(place), raw) if self.api == "anthropic" else raw


_COUNTS: Final = (
    "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens",
)  # fmt: skip


def _text(value: object) -> str | None:
    return clip(value) or None if isinstance(value, str) else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _fault(value: dict[str, Any]) -> Fault:
    """The kind of a provider's error: its message may quote the prompt, so type and code are all we keep."""
    error = value.get("error")
    known = error if isinstance(error, dict) else value
    kind = _text(known.get("type")) or _text(known.get("code")) or "upstream_error"
    code = known.get("code")
    detail = f" ({code})" if isinstance(code, str | int) and str(code) != kind else ""
    return Fault(type=kind[:100], message=f"the upstream answered with an error: {kind[:100]}{detail[:100]}")


def generated_text(value: dict[str, Any]) -> Iterator[str]:
    """The text that the model made, in an answer or an event: content, reasoning, tool-call arguments."""
    for choice in _objects(value.get("choices")):
        yield from _strings(choice.get("text"))
        for message in (choice.get("delta"), choice.get("message")):
            yield from _strings(message, _GENERATED)
    for name in ("delta", "content", "output"):
        yield from _strings(value.get(name), _GENERATED)


_GENERATED: Final = frozenset({
    "content", "text", "refusal", "reasoning", "reasoning_content", "thinking", "partial_json", "arguments",
    "input", "tool_calls", "function", "function_call", "summary",
})  # fmt: skip


def _strings(value: object, keys: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every string at or below a value, following only these keys of objects, however deep."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(item for name, item in value.items() if name in keys)


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
        kept = bytearray()
        for event in self._splitter.feed(chunk):
            has_usage = self.reading.read_event(event)
            if not (self._drop_usage and has_usage and is_usage_chunk(event)):
                kept += self._restorer.event(event) if self._restorer else event.raw
        return bytes(kept) if self._whole_events else chunk

    def end(self) -> bytes:
        """The stream is over: what was still held back."""
        rest = self._splitter.rest()
        if rest:
            self.reading.read_event(parse_event(rest))
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
