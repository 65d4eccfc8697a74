"""Which parts of a provider's answer are decoded, and where they hold usage; pure.

A new place of usage is a name in `USAGE_PARENTS` and in `PartialAnswer`, and a test.
"""

from __future__ import annotations

from typing import Any, Final, TypedDict

import msgspec

from proxy.json_decoding import decode_leniently
from proxy.metering.generated_text import objects
from proxy.metering.usage import Raw
from proxy.segments.record import exact

ENVELOPES: Final = ("response", "message")
"""Fields of stream events that hold the answer itself (Responses, Anthropic)."""

USAGE_PARENTS: Final = ("x_groq", "choices")
"""Fields whose object, or objects in a list, hold `usage`: after the answer's own, best source first."""


class PartialChoice(TypedDict, total=False):
    """The decoded fields of one of an answer's choices."""

    text: Any
    delta: Any
    message: Any
    usage: Any
    error: Any
    finish_reason: Any


class PartialAnswer(TypedDict, total=False):
    """The decoded fields of an answer or an event. The rest, such as an embedding's numbers, is skipped."""

    type: Any
    object: Any
    model: Any
    status: Any
    code: Any
    error: Any
    usage: Any
    x_groq: Any
    service_tier: Any
    choices: list[PartialChoice] | None
    message: Any
    response: Any
    base_resp: Any
    delta: Any
    content: Any
    output: Any


_decoder = msgspec.json.Decoder(PartialAnswer, float_hook=exact)


def decode_partial(data: bytes) -> Any:
    """Decodes an answer or an event; all of it where its fields have unexpected types, None if not JSON."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return decode_leniently(data)


def usage_objects(value: Raw, inner: Raw) -> list[tuple[int, Raw]]:
    """Each usage object with the rank of its source, 0 being the best.

    `inner` is the answer inside the event, if any (`ENVELOPES`).
    """
    found: list[tuple[int, Raw]] = []
    if isinstance(usage := value.get("usage"), dict):
        found.append((0, usage))
    if inner and isinstance(usage := inner.get("usage"), dict):
        found.append((0, usage))
    for rank, name in enumerate(USAGE_PARENTS, 1):
        if name in value:
            parents = [value[name]] if isinstance(value[name], dict) else objects(value[name])
            found += [(rank, parent["usage"]) for parent in parents if isinstance(parent.get("usage"), dict)]
    return found
