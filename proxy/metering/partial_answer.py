"""Which parts of a provider's answer are decoded, and where they hold usage; pure.

A new place of usage is a row in `USAGE_PATHS`, its fields in `PartialAnswer` or `PartialChoice`, and a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypedDict

import msgspec

from proxy.json_decoding import decode_leniently
from proxy.metering.generated_text import objects
from proxy.metering.usage import Raw
from proxy.segments.record import exact

ENVELOPES: Final = ("response", "message")
"""Fields of stream events that hold the answer itself (Responses, Anthropic)."""

USAGE_PATHS: Final[tuple[tuple[str, ...], ...]] = (
    ("usage",),
    ("x_groq", "usage"),
    ("choices", "usage"),
)
"""Where an answer or event holds usage, the best source first. Lists on the way are searched item by item."""


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


def usage_objects(value: Raw, inner: Raw) -> Iterator[tuple[int, Raw]]:
    """Yields each usage object with the rank of its source (0 is the best).

    `inner` is the answer inside the event, if any (`ENVELOPES`).
    """
    for rank, path in enumerate(USAGE_PATHS):
        if path[0] in value:
            yield from ((rank, found) for found in _at(value, path))
    if inner and isinstance(found := inner.get("usage"), dict):
        yield 0, found


def _at(value: Raw, path: tuple[str, ...]) -> list[Raw]:
    """The objects at a path."""
    found = [value]
    for name in path[:-1]:
        values = [item.get(name) for item in found]
        found = [
            item for below in values for item in ([below] if isinstance(below, dict) else objects(below))
        ]
    return [usage for item in found if isinstance(usage := item.get(path[-1]), dict)]
