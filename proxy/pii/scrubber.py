"""Puts placeholders in the place of personal data before a prompt leaves: `<EMAIL_ADDRESS_1>`.

One `Placeholders` per request keeps what they stand for; it is never shared, stored or logged. In a text that
already holds such a token, the token gets a placeholder too: so what comes back is always one of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proxy.errors import Refusal
from proxy.pii.detect import PER_MEGABYTE, Detector, Hit
from proxy.pii.phones import TooMany
from proxy.request.placeholders import Placeholders
from proxy.request.text_fields import SEPARATOR, TextField, prompt_fields


class Scrubber:
    """Scrubs prompts as configured; made once per process."""

    def __init__(self, entities: Sequence[str], patterns: Mapping[str, str], regions: Sequence[str]) -> None:
        self._detector = Detector(entities, patterns, regions)

    def warm(self) -> None:
        """What the first long text would else have to wait for."""
        self._detector.warm()

    def scrub(self, body: dict[str, Any], placeholders: Placeholders | None = None) -> Placeholders:
        """Scrubs a request's body in place; the placeholders is empty when there was nothing to change.

        Raises `Refusal` (400) for a request with more candidates than Relay looks at.
        """
        placeholders = placeholders or Placeholders()
        try:
            for place, text in self._scrubbed(prompt_fields(body), placeholders):
                place.holder[place.key] = text
        except TooMany:
            raise Refusal(
                400,
                "too_much_personal_data",
                f"the request holds too much of what may be personal data (at most {PER_MEGABYTE} pieces "
                "in a megabyte, half of that for numbers); send it in smaller parts",
            ) from None
        return placeholders

    def scrub_text(self, text: str, placeholders: Placeholders) -> str:
        """One text scrubbed. Raises `TooMany`."""
        places = [TextField([text], 0, text, signed=False)]
        return next((scrubbed for _, scrubbed in self._scrubbed(places, placeholders)), text)

    def _scrubbed(
        self, places: Sequence[TextField], placeholders: Placeholders
    ) -> Iterator[tuple[TextField, str]]:
        """The places that change, with their new texts; all are searched as one, which is quicker."""
        texts = [place.text.encode("utf-8", "surrogatepass") for place in places]
        data = SEPARATOR.join(texts)
        hits = iter(self._detector.find(data))
        hit = next(hits, None)
        start = 0
        for place, text in zip(places, texts, strict=True):
            if hit is None:
                return
            end = start + len(text)
            inside: list[Hit] = []
            while hit is not None and hit[0] < end:
                if hit[1] > start:
                    inside.append((max(hit[0], start), min(hit[1], end), hit[2]))
                hit = next(hits, None)
            if inside:
                yield place, _replaced(data, start, end, inside, placeholders, signed=place.signed)
            start = end + len(SEPARATOR)


def _replaced(
    data: bytes, start: int, end: int, hits: Iterable[Hit], placeholders: Placeholders, *, signed: bool
) -> str:
    """A text with its hits replaced; in a signed one only values that are known, for there the model was told
    placeholders, and anything else is its own."""
    pieces = []
    for begin, stop, entity in hits:
        value = data[begin:stop]
        if signed and not placeholders.has(value):
            continue
        pieces += [data[start:begin], placeholders.add(value, entity).encode()]
        start = stop
    pieces.append(data[start:end])
    return _text(b"".join(pieces))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
