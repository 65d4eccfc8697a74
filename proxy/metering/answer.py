"""What a provider's answer tells, JSON or stream: its usage, model, faults, and where its content began.

Reads beside the bytes that pass through and never holds an answer back. It takes from a stream only one
thing: the usage chunk that the client did not ask for. Values that were scrubbed from the prompt it has put
back where `pii_stream` finds their placeholders.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypedDict

import msgspec

from proxy.errors import Api
from proxy.json_decoding import decode, decode_leniently
from proxy.metering.answer_fault import UNNAMED, fault_of, told_fault
from proxy.metering.event_forms import Form
from proxy.metering.generated_text import TEXT_PLACES, objects, text_size
from proxy.metering.usage import Raw, TokenUsage, first, from_anthropic, from_openai, overlay, part
from proxy.segments.record import Fault, clip, exact
from proxy.sse import Event, EventSplitter, parse_event

MAX_JSON_BYTES: Final = 134_217_728
_LESSONS: Final = 16
_MOST_DELTAS: Final = 3
_COMMENTS: Final = re.compile(rb"\s*(?::[^\r\n]*\s*)+")


class _Choice(TypedDict, total=False):
    """What is read of one of an answer's choices."""

    text: Any
    delta: Any
    message: Any
    usage: Any
    error: Any
    finish_reason: Any


class _Told(TypedDict, total=False):
    """What is read of an answer or an event; the rest, an embedding's numbers above all, is not made."""

    type: Any
    object: Any
    model: Any
    status: Any
    code: Any
    error: Any
    usage: Any
    x_groq: Any
    service_tier: Any
    choices: list[_Choice] | None
    message: Any
    response: Any
    base_resp: Any
    delta: Any
    content: Any
    output: Any


_told_decoder = msgspec.json.Decoder(_Told, float_hook=exact)
_LAST_EVENTS: Final = frozenset(
    {"message_stop", "response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)


def _told(data: bytes) -> Any:
    """What an answer or an event tells; of odd ones everything there is."""
    try:
        return _told_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return decode_leniently(data)


class Reading:
    """What has been understood of one answer so far. `content_begun` is said of streams only."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.model: str | None = None
        self.service_tier: str | None = None
        self.fault: Fault | None = None
        self.content_begun = False
        self.finished = False
        self.pending = False
        self._seen = False
        self._unread = bytearray()
        self._final = api == "openai"
        self._places: dict[str, Raw] = {}
        self._text_bytes = 0
        self._unmeasured: dict[str, Any] | None = None
        self._deltas: tuple[_Delta, ...] = ()
        self._lessons = _LESSONS

    @property
    def text_bytes(self) -> int:
        """The generated text so far, in UTF-8 bytes: for estimates, where the provider counts nothing."""
        if self._unmeasured is not None:
            self._text_bytes, self._unmeasured = text_size(self._unmeasured), None
        return self._text_bytes

    @property
    def usage(self) -> TokenUsage | None:
        """The token counts, from the best place that holds any; None when the provider gave none."""
        read = from_anthropic if self.api == "anthropic" else from_openai
        for place in ("usage", "x_groq", "choice"):
            raw = self._places.get(place)
            if raw and (usage := read(raw)) is not None:
                return usage
        return None

    @property
    def usage_is_final(self) -> bool:
        """Whether the counts are the whole answer's: Anthropic's stream begins with those of its start."""
        return self._final

    def read_body(self, body: bytes) -> None:
        """Reads a whole JSON answer, or the error body of a refused request."""
        comments = _COMMENTS.match(body)
        value = _told(body[comments.end() :] if comments else body)
        if not isinstance(value, dict):
            self._read_wrapped(body)
            if self._seen:
                return
            what = "empty" if not body.strip() else "not a JSON object"
            self.fault = Fault(type="unreadable_answer", message=f"the upstream's answer is {what}")
            return
        self._read_object(value)
        # Hardly ever asked for where the usage is told; an embedding's numbers are not held for it.
        self._unmeasured = {name: value[name] for name in TEXT_PLACES if name in value}
        self.finished = self._final = True
        self.pending = _text(value.get("status")) in {"queued", "in_progress"}

    def _read_wrapped(self, body: bytes) -> None:
        """Reads the events of a stream that does not say that it is one."""
        splitter = EventSplitter()
        for event in splitter.feed(body):
            self.read_event(event)
        self.read_event(parse_event(splitter.rest()))

    def read_end(self, rest: bytes) -> None:
        """The stream is over; `rest` has no end of its own. What held no event is read as a body."""
        if rest:
            self.read_event(parse_event(rest))
        if not self._seen and self.fault is None:
            body, self._unread = bytes(self._unread), bytearray()
            self.read_body(body)

    def read(self, event: Event) -> bool:
        """The same as `read_event`, faster where an event differs from an earlier one only in its text."""
        if self.skim(event.raw):
            return False
        has_usage = self.read_event(event)
        # A carriage return at the end may be half of a line end: then the same bytes may not end an event.
        learns = self._lessons and not has_usage and event.raw.endswith(b"\n")
        if learns and (form := Form.of(event.raw)) is not None:
            self._lessons -= 1
            learnt = _learn(self.api, form)
            self._deltas = (*learnt, *self._deltas)[:_MOST_DELTAS]
        return has_usage

    def skim(self, raw: bytes) -> bool:
        """Reads bytes that are one whole event like an earlier one but for its text; False for others."""
        for delta in self._deltas:
            size = delta.form.text_bytes(raw)
            if size is not None:
                self.model = delta.model or self.model
                self.service_tier = delta.service_tier or self.service_tier
                self._text_bytes += delta.least + size
                self.content_begun = self.content_begun or delta.begins or size > 0
                return True
        return False

    def read_event(self, event: Event) -> bool:
        """Reads one event of a stream; whether it has a usage object of its own."""
        data = event.data.strip()
        if data == b"[DONE]":
            self.finished = self._seen = True
            return False
        value = _told(data) if data else None
        if not isinstance(value, dict):
            if event.name == "error":
                self.fault = Fault(type=UNNAMED, message="the upstream sent an error event")
            elif not self._seen and len(self._unread) <= MAX_JSON_BYTES:
                self._unread += event.raw
            return False
        self._seen = True
        kind = _text(value.get("type"))
        self.finished = self.finished or kind in _LAST_EVENTS
        self._final = self._final or (kind == "message_delta" and _tells_output(value))
        self._read_object(value)
        size = text_size(value)
        self._text_bytes += size
        self.content_begun = self.content_begun or size > 0 or kind == "content_block_delta"
        if "error" in {event.name, kind} and self.fault is None:
            self.fault = fault_of(value)
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
        if "x_groq" in value:
            self._keep("x_groq", part(value, "x_groq").get("usage"))
        choices = objects(value.get("choices"))
        for choice in choices:
            self._keep("choice", choice.get("usage"))
        fault = told_fault(value, inner, choices)
        if fault is not None and (self.fault is None or fault.type != UNNAMED):
            self.fault = fault

    @property
    def tells_only_text(self) -> bool:
        """Whether nothing was told but text, a model and a tier."""
        plain = self._final == (self.api == "openai") and not self.finished
        return plain and self.fault is None and not self._places

    def _keep(self, place: str, raw: object) -> None:
        if not isinstance(raw, dict):
            return
        if self.api == "anthropic" and raw:
            self._places[place] = overlay(self._places.get(place), raw)
        elif first(raw, *_COUNTS) is not None:
            self._places[place] = raw


_COUNTS: Final = (
    "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens",
)  # fmt: skip


def _tells_output(value: dict[str, Any]) -> bool:
    return first(part(value, "usage"), "output_tokens") is not None


def _text(value: object) -> str | None:
    return clip(value) or None if isinstance(value, str) else None


class _Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of a form tells beside the text in its holes: `least` is the size of other text."""

    form: Form
    model: str | None
    service_tier: str | None
    least: int
    begins: bool


def _learn(api: Api, form: Form) -> tuple[_Delta, ...]:
    """Reads two events of a form to see which holes are text; nothing when they tell more than that."""
    sizes = [2**hole for hole in range(form.holes)]
    empty, marked = Reading(api), Reading(api)
    for reading, raw in ((empty, form.filled([0] * form.holes)), (marked, form.filled(sizes))):
        event = parse_event(raw)
        plain = isinstance(decode(event.data), dict) and not reading.read_event(event)
        if not plain or not reading.tells_only_text:
            return ()
    more = marked.text_bytes - empty.text_bytes
    form.count([bool(more & size) for size in sizes])
    return (
        _Delta(
            form=form,
            model=empty.model,
            service_tier=empty.service_tier,
            least=empty.text_bytes,
            begins=empty.content_begun,
        ),
    )
