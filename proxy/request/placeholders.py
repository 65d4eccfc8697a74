"""The placeholders that stand for a request's personal data while it is at the provider."""

from __future__ import annotations


class Placeholders:
    """What the placeholders of one request stand for. `counts` tells occurrences by type."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self._tokens: dict[bytes, str] = {}
        self._last: dict[str, int] = {}

    def of_answer(self) -> Placeholders:
        """The placeholders for the answer: those of the prompt stay as they are in it."""
        placeholders = Placeholders()
        placeholders.values = dict(self.values)
        placeholders._last = dict(self._last)
        placeholders._tokens = self._tokens | {token.encode(): token for token in self.values}
        return placeholders

    def known(self, value: bytes) -> bool:
        """Whether this value has a placeholder already."""
        return value in self._tokens

    def token(self, value: bytes, entity: str) -> str:
        """The placeholder of a value: the same one whenever the value is the same."""
        if entity:
            self.counts[entity] = self.counts.get(entity, 0) + 1
        token = self._tokens.get(value)
        if token is None:
            text = value.decode("utf-8", "surrogatepass")
            entity = entity or text[1 : text.rindex("_")]
            number = self._last[entity] = self._last.get(entity, 0) + 1
            token = self._tokens[value] = f"<{entity}_{number}>"
            self.values[token] = text
        return token
