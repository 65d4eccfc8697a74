"""Puts placeholders in the place of personal data before a prompt leaves: `<EMAIL_ADDRESS_1>`.

One `Vault` per request keeps what they stand for; it is never shared, stored or logged. In a text that
already holds such a token, the token gets a placeholder too: so what comes back is always one of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proxy.errors import Refusal
from proxy.pii_detect import PER_MEGABYTE, Detector, Hit
from proxy.pii_phones import TooMany
from proxy.pii_places import BETWEEN, Place, prompt_places


class Vault:
    """What the placeholders of one request stand for. `counts` tells occurrences by type."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self._tokens: dict[bytes, str] = {}
        self._last: dict[str, int] = {}

    def of_answer(self) -> Vault:
        """The vault for the answer to what this one has scrubbed: in it our placeholders stay as they are."""
        vault = Vault()
        vault.values = dict(self.values)
        vault._last = dict(self._last)
        vault._tokens = self._tokens | {token.encode(): token for token in self.values}
        return vault

    def known(self, value: bytes) -> bool:
        """Whether this value has a placeholder already."""
        return value in self._tokens

    def token(self, value: bytes, entity: str) -> str:
        """The placeholder of a value: the same one whenever the value is the same."""
        if entity:
            self.counts[entity] = self.counts.get(entity, 0) + 1
        token = self._tokens.get(value)
        if token is None:
            text = _text(value)
            entity = entity or text[1 : text.rindex("_")]
            number = self._last[entity] = self._last.get(entity, 0) + 1
            token = self._tokens[value] = f"<{entity}_{number}>"
            self.values[token] = text
        return token


class Scrubber:
    """Scrubs prompts as configured; made once per process."""

    def __init__(self, entities: Sequence[str], patterns: Mapping[str, str], regions: Sequence[str]) -> None:
        self._detector = Detector(entities, patterns, regions)

    def warm(self) -> None:
        """What the first long text would else have to wait for."""
        self._detector.warm()

    def scrub(self, body: dict[str, Any], vault: Vault | None = None) -> Vault:
        """Scrubs a request's body in place; the vault is empty when there was nothing to change.

        Raises `Refusal` (400) for a request with more candidates than Relay looks at.
        """
        vault = vault or Vault()
        try:
            for place, text in self._scrubbed(prompt_places(body), vault):
                place.holder[place.key] = text
        except TooMany:
            raise Refusal(
                400,
                "too_much_personal_data",
                f"the request holds too much of what may be personal data (at most {PER_MEGABYTE} pieces "
                "in a megabyte, half of that for numbers); send it in smaller parts",
            ) from None
        return vault

    def scrub_text(self, text: str, vault: Vault) -> str:
        """One text scrubbed. Raises `TooMany`."""
        places = [Place([text], 0, text, signed=False)]
        return next((scrubbed for _, scrubbed in self._scrubbed(places, vault)), text)

    def _scrubbed(self, places: Sequence[Place], vault: Vault) -> Iterator[tuple[Place, str]]:
        """The places that change, with their new texts; all are searched as one, which is quicker."""
        texts = [place.text.encode("utf-8", "surrogatepass") for place in places]
        data = BETWEEN.join(texts)
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
                yield place, _replaced(data, start, end, inside, vault, signed=place.signed)
            start = end + len(BETWEEN)


def _replaced(data: bytes, start: int, end: int, hits: Iterable[Hit], vault: Vault, *, signed: bool) -> str:
    """A text with its hits replaced; in a signed one only values that are known, for there the model was told
    placeholders, and anything else is its own."""
    pieces = []
    for begin, stop, entity in hits:
        value = data[begin:stop]
        if signed and not vault.known(value):
            continue
        pieces += [data[start:begin], vault.token(value, entity).encode()]
        start = stop
    pieces.append(data[start:end])
    return _text(b"".join(pieces))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
