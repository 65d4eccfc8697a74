"""Replaces personal data in prompts by placeholders such as `<EMAIL_ADDRESS_1>`.

The values are kept in one `Placeholders` per request, which is never shared, stored or logged. Text of the
client that looks like a placeholder is replaced by one too, so every placeholder in an answer is Relay's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proxy.errors import Refusal
from proxy.pii.detect import WORK_PER_MEGABYTE, Detector, Hit
from proxy.pii.phones import WorkLimitExceeded
from proxy.request.placeholders import Placeholders
from proxy.request.text_fields import SEPARATOR, TextField, prompt_fields


class Scrubber:
    """Scrubs prompts as configured; one per process."""

    def __init__(self, entities: Sequence[str], patterns: Mapping[str, str], regions: Sequence[str]) -> None:
        self._detector = Detector(entities, patterns, regions)

    def warm_up(self) -> None:
        """Prepare the detector, so that the first long text does not have to wait."""
        self._detector.warm_up()

    def scrub(self, body: dict[str, Any], placeholders: Placeholders | None = None) -> Placeholders:
        """Scrub a request's body in place; the placeholders are empty if nothing was found.

        Raises `Refusal` (400) for a request with more candidates than Relay checks.
        """
        placeholders = placeholders or Placeholders()
        try:
            for field, text in self._changed(prompt_fields(body), placeholders):
                field.holder[field.key] = text
        except WorkLimitExceeded:
            raise Refusal(
                400,
                "too_much_personal_data",
                f"the request contains too much of what may be personal data (at most {WORK_PER_MEGABYTE} "
                "items per megabyte, half as many numbers); send it in smaller parts",
            ) from None
        return placeholders

    def scrub_text(self, text: str, placeholders: Placeholders) -> str:
        """Return a scrubbed text. Raises `WorkLimitExceeded`."""
        fields = [TextField([text], 0, text, signed=False)]
        return next((scrubbed for _, scrubbed in self._changed(fields, placeholders)), text)

    def _changed(
        self, fields: Sequence[TextField], placeholders: Placeholders
    ) -> Iterator[tuple[TextField, str]]:
        """Yield the fields that change, with their new texts; searching all texts as one is faster."""
        texts = [field.text.encode("utf-8", "surrogatepass") for field in fields]
        data = SEPARATOR.join(texts)
        hits = iter(self._detector.find(data))
        hit = next(hits, None)
        start = 0
        for field, text in zip(fields, texts, strict=True):
            if hit is None:
                return
            end = start + len(text)
            inside: list[Hit] = []
            while hit is not None and hit[0] < end:
                if hit[1] > start:
                    inside.append((max(hit[0], start), min(hit[1], end), hit[2]))
                hit = next(hits, None)
            if inside:
                yield field, _replaced(data, start, end, inside, placeholders, signed=field.signed)
            start = end + len(SEPARATOR)


def _replaced(
    data: bytes, start: int, end: int, hits: Iterable[Hit], placeholders: Placeholders, *, signed: bool
) -> str:
    """Return a text with its hits replaced.

    In a signed text only values that have a placeholder are replaced: anything else was written by the model.
    """
    parts = []
    for begin, stop, entity in hits:
        value = data[begin:stop]
        if signed and not placeholders.has(value):
            continue
        parts += [data[start:begin], placeholders.add(value, entity).encode()]
        start = stop
    parts.append(data[start:end])
    return _text(b"".join(parts))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
