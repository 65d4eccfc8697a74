"""Placeholders that replace the personal data of a request while it is at the provider."""

from __future__ import annotations


class Placeholders:
    """The placeholders of one request and the values they replace. `counts` has occurrences by type."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self._by_value: dict[bytes, str] = {}
        self._last: dict[str, int] = {}

    def for_answer(self) -> Placeholders:
        """Return placeholders for scrubbing the answer, which leave those of the prompt unchanged."""
        placeholders = Placeholders()
        placeholders.values = dict(self.values)
        placeholders._last = dict(self._last)
        placeholders._by_value = self._by_value | {name.encode(): name for name in self.values}
        return placeholders

    def has(self, value: bytes) -> bool:
        """Return whether a value has a placeholder already."""
        return value in self._by_value

    def add(self, value: bytes, entity: str) -> str:
        """Return the placeholder of a value, always the same for equal values, and count the occurrence.

        `entity` is empty for a text of the client that looks like a placeholder: it is replaced, not counted.
        """
        if entity:
            self.counts[entity] = self.counts.get(entity, 0) + 1
        placeholder = self._by_value.get(value)
        if placeholder is None:
            text = value.decode("utf-8", "surrogatepass")
            entity = entity or text[1 : text.rindex("_")]
            number = self._last[entity] = self._last.get(entity, 0) + 1
            placeholder = self._by_value[value] = f"<{entity}_{number}>"
            self.values[placeholder] = text
        return placeholder
