"""Reads a provider's answer, JSON or stream: usage, model, errors, and where its content begins.

Reads beside the bytes that pass through and never holds an answer back.
"""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.errors import Api
from proxy.metering.answer_fault import UNNAMED, fault_from_error, find_fault
from proxy.metering.generated_text import TEXT_FIELDS, objects, text_size
from proxy.metering.partial_answer import ENVELOPES, decode_partial, usage_objects
from proxy.metering.tool_fees import ToolUsage, tool_usage
from proxy.metering.usage import Raw, TokenUsage, first_object
from proxy.metering.usage_anthropic import from_anthropic, merge_usage, reports_output
from proxy.metering.usage_openai import from_openai, has_counts
from proxy.segments.record import Fault, clip
from proxy.sse import Event, EventSplitter, parse_event

MAX_JSON_BYTES: Final = 134_217_728
_COMMENTS: Final = re.compile(rb"\s*(?::[^\r\n]*\s*)+")
_LAST_EVENTS: Final = frozenset(
    {"message_stop", "response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)


class AnswerReader:
    """What is known of one answer so far. `content_begun` is set for streams only."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.model: str | None = None
        self.service_tier: str | None = None
        self.fault: Fault | None = None
        self.content_begun = False
        self.finished = False
        self.pending = False
        self._any_object = False
        self._not_events = bytearray()
        self._final = api == "openai"
        self._usage_by_rank: dict[int, Raw] = {}
        self._tools: ToolUsage | None = None
        self._stop_reason: object = None
        self._text_bytes = 0
        self._unmeasured: dict[str, Any] | None = None

    @property
    def text_bytes(self) -> int:
        """The generated text so far, in UTF-8 bytes: for estimates, where the provider counts nothing."""
        if self._unmeasured is not None:
            self._text_bytes, self._unmeasured = text_size(self._unmeasured), None
        return self._text_bytes

    @property
    def usage(self) -> TokenUsage | None:
        """The token counts, from the best source that holds any; None when the provider sent none."""
        read = from_anthropic if self.api == "anthropic" else from_openai
        for _, raw in sorted(self._usage_by_rank.items()):
            if raw and (usage := read(raw)) is not None:
                return self._tools.added_to(usage) if self._tools else usage
        return None

    @property
    def is_complete(self) -> bool:
        """Whether the answer has ended by its own mark: an end event, `[DONE]`, or a reason to stop."""
        return self.finished or self._stop_reason is not None

    @property
    def has_events(self) -> bool:
        """Whether anything was read at all."""
        return self._any_object

    @property
    def is_unbilled_refusal(self) -> bool:
        """Whether the model refused before any output, which Anthropic does not bill."""
        return self._stop_reason == "refusal" and self.text_bytes == 0

    @property
    def usage_is_final(self) -> bool:
        """Whether the counts are of the whole answer: Anthropic's stream begins with those of its start."""
        return self._final

    @property
    def has_only_text(self) -> bool:
        """Whether nothing was found but text, a model and a tier."""
        plain = self._final == (self.api == "openai") and not self.finished
        plain = plain and self._stop_reason is None and self._tools is None
        return plain and self.fault is None and not self._usage_by_rank

    def read_body(self, body: bytes) -> None:
        """Reads a whole JSON answer, or the error body of a refused request."""
        comments = _COMMENTS.match(body)
        value = decode_partial(body[comments.end() :] if comments else body)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = value[0]  # Gemini's errors are in an array
        if not isinstance(value, dict):
            self._read_unlabelled_stream(body)
            if self._any_object:
                return
            what = "empty" if not body.strip() else "not a JSON object"
            self.fault = Fault(type="unreadable_answer", message=f"the upstream's answer is {what}")
            return
        self._read_object(value)
        # Measured when asked for, which is rare where there is usage; other fields are not kept for it.
        self._unmeasured = {name: value[name] for name in TEXT_FIELDS if name in value}
        self.finished = self._final = True
        self.pending = _text(value.get("status")) in {"queued", "in_progress"}

    def _read_unlabelled_stream(self, body: bytes) -> None:
        """Reads the events of a stream whose Content-Type does not say so."""
        splitter = EventSplitter()
        for event in splitter.feed(body):
            self.read_event(event)
        self.read_event(parse_event(splitter.rest()))

    def read_end(self, rest: bytes) -> None:
        """Ends a stream; `rest` is an event without its blank line. Without any event it is read as JSON."""
        if rest:
            self.read_event(parse_event(rest))
        if not self._any_object and self.fault is None:
            body, self._not_events = bytes(self._not_events), bytearray()
            self.read_body(body)

    def read_event(self, event: Event) -> bool:
        """Reads one event of a stream; True when it has a usage object at its top level."""
        data = event.data.strip()
        if data == b"[DONE]":
            self.finished = self._any_object = True
            return False
        value = decode_partial(data) if data else None
        if not isinstance(value, dict) and b"\n" in data:
            return self._read_lines(data)
        if not isinstance(value, dict):
            if event.name == "error":
                self.fault = Fault(type=UNNAMED, message="the upstream sent an error event")
            elif not self._any_object and len(self._not_events) <= MAX_JSON_BYTES:
                self._not_events += event.raw
            return False
        self._any_object = True
        kind = _text(value.get("type"))
        self.finished = self.finished or kind in _LAST_EVENTS
        self._final = self._final or (
            kind == "message_delta" and reports_output(first_object(value, ("usage",)))
        )
        self._read_object(value)
        size = text_size(value)
        self.add_text(size, content=size > 0 or kind == "content_block_delta")
        if "error" in {event.name, kind} and self.fault is None:
            self.fault = fault_from_error(value)
        return isinstance(value.get("usage"), dict)

    def _read_lines(self, data: bytes) -> bool:
        """Reads an event that holds one answer per line, without blank lines between them."""
        has_usage = False
        for line in data.splitlines():
            if line.strip():
                has_usage = self.read_event(parse_event(b"data: " + line)) or has_usage
        return has_usage

    def add_text(
        self, size: int, *, content: bool, model: str | None = None, service_tier: str | None = None
    ) -> None:
        """Counts the generated text of an event, in UTF-8 bytes; `content` when content has begun with it."""
        self._text_bytes += size
        self.content_begun = self.content_begun or content
        self.model = model or self.model
        self.service_tier = service_tier or self.service_tier

    def _read_object(self, value: dict[str, Any]) -> None:
        inner = first_object(value, ENVELOPES)
        for source in (value, inner) if inner else (value,):
            self.model = _text(source.get("model")) or self.model
            self.service_tier = _text(source.get("service_tier")) or self.service_tier
            if isinstance(source.get("output"), list):
                self._tools = tool_usage(source)
        choices = objects(value.get("choices"))
        for choice in choices:
            self._stop_reason = choice.get("finish_reason") or self._stop_reason
        if self.api == "anthropic":
            reason = value.get("stop_reason") or first_object(value, ("delta",)).get("stop_reason")
            self._stop_reason = reason or self._stop_reason
        for rank, raw in usage_objects(value, inner):
            self._add_usage(rank, raw)
        fault = find_fault(value, inner, choices)
        if fault is not None and (self.fault is None or fault.type != UNNAMED):
            self.fault = fault

    def _add_usage(self, rank: int, raw: Raw) -> None:
        if self.api == "anthropic" and raw:
            self._usage_by_rank[rank] = merge_usage(self._usage_by_rank.get(rank), raw)
        elif has_counts(raw):
            self._usage_by_rank[rank] = raw


def _text(value: object) -> str | None:
    return clip(value) or None if isinstance(value, str) else None
