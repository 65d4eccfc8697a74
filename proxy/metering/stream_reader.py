"""Reads the events of a stream for an `AnswerReader`: as JSON, or by a faster path where that is enabled.

Most events of a stream differ from an earlier one only in their text. The fast path learns templates of such
events and measures the text of those that match, which takes a tenth of the time of decoding JSON. The result
is the same, which property tests check; `server.fast_path: false` turns the fast path off.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.errors import Api
from proxy.json_decoding import decode
from proxy.metering.answer import AnswerReader
from proxy.metering.event_templates import EventTemplate
from proxy.sse import Event, parse_event

_SAMPLE_BUDGET: Final = 16  # events of one stream that are tried as templates
_MAX_TEMPLATES: Final = 3


class _KnownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of a template holds beside the text in its slots.

    `fixed_text_bytes` is the size of generated text outside the slots, in UTF-8 bytes.
    """

    template: EventTemplate
    model: str | None
    service_tier: str | None
    fixed_text_bytes: int
    is_content: bool


class StreamReader:
    """Reads a stream event by event into `answer`."""

    def __init__(self, answer: AnswerReader, *, fast_path: bool = True) -> None:
        self.answer = answer
        self._known: tuple[_KnownEvent, ...] = ()
        self._samples = _SAMPLE_BUDGET if fast_path else 0

    def read(self, event: Event) -> bool:
        """Reads an event; True when it has a usage object at its top level."""
        if self.read_known(event.raw):
            return False
        has_usage = self.answer.read_event(event)
        # A trailing CR may be half of a CRLF: the same bytes would not always end an event.
        if self._samples and not has_usage and event.raw.endswith(b"\n"):
            self._learn(event)
        return has_usage

    def read_known(self, raw: bytes) -> bool:
        """Reads bytes that are one whole event like an earlier one except for its text; False for others."""
        for known in self._known:
            size = known.template.text_bytes(raw)
            if size is not None:
                self.answer.add_text(
                    known.fixed_text_bytes + size,
                    content=known.is_content or size > 0,
                    model=known.model,
                    service_tier=known.service_tier,
                )
                return True
        return False

    def _learn(self, event: Event) -> None:
        template = EventTemplate.of(event.raw)
        if template is None:
            return
        self._samples -= 1
        known = _known_event(self.answer.api, template)
        if known is not None:
            self._known = (known, *self._known)[:_MAX_TEMPLATES]


def _known_event(api: Api, template: EventTemplate) -> _KnownEvent | None:
    """Reads two events made from a template to see which slots hold generated text.

    None when such events hold more than text, a model and a tier.
    """
    sizes = [2**slot for slot in range(template.slots)]
    empty, marked = AnswerReader(api), AnswerReader(api)
    for answer, raw in ((empty, template.filled([0] * template.slots)), (marked, template.filled(sizes))):
        event = parse_event(raw)
        plain = isinstance(decode(event.data), dict) and not answer.read_event(event)
        if not plain or not answer.has_only_text:
            return None
    found = marked.text_bytes - empty.text_bytes
    template.count([bool(found & size) for size in sizes])
    return _KnownEvent(
        template=template,
        model=empty.model,
        service_tier=empty.service_tier,
        fixed_text_bytes=empty.text_bytes,
        is_content=empty.content_begun,
    )
