"""Merges the deltas of a JSON value: texts are appended, list items merged by index, the rest set; pure."""

from __future__ import annotations

from io import StringIO
from typing import Any, Final

from proxy.content.notes import note

# Texts that are repeated whole, not as deltas.
_WHOLE_FIELDS: Final = frozenset({"role", "type", "id", "name", "signature", "format", "status"})
# Lists whose deltas name their item by `index`.
_INDEXED_FIELDS: Final = frozenset({"tool_calls", "reasoning_details", "content", "summary"})


class _Text:
    """A text that is appended to."""

    def __init__(self, begin: str) -> None:
        self._buffer = StringIO()
        self._buffer.write(begin)

    def add(self, delta: str) -> None:
        self._buffer.write(delta)

    def build(self) -> str:
        return self._buffer.getvalue()


class _Media:
    """Base64 data that is appended to: only its size is kept."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._characters = 0

    def add(self, delta: str) -> None:
        self._characters += len(delta.rstrip("="))

    def build(self) -> str:
        return note(self._kind, self._characters * 3 // 4)


class _Items:
    """A list whose items are merged from deltas."""

    def __init__(self, items: list[Any]) -> None:
        self._items: dict[int, Any] = dict(enumerate(items))

    def at(self, index: int) -> dict[str, Any]:
        """The item with this index, created if needed."""
        item = self._items.get(index)
        if not isinstance(item, dict):
            item = self._items[index] = {}
        return item

    def append(self, item: Any) -> None:
        self._items[max(self._items, default=-1) + 1] = item

    def build(self) -> list[Any]:
        return [_built(item) for _, item in sorted(self._items.items())]


class Draft:
    """A JSON object merged from deltas. `size` estimates the size of its JSON, never too high."""

    def __init__(self, begin: dict[str, Any] | None = None) -> None:
        self._value: dict[str, Any] = begin or {}
        self.size = _weight(begin)

    def merge(self, delta: dict[str, Any]) -> None:
        """Merges a delta. Raises `RecursionError` when it is nested too deeply."""
        self._merge(self._value, delta, kind="")

    def value(self) -> dict[str, Any]:
        """The value so far. Raises `RecursionError`."""
        value: dict[str, Any] = _built(self._value)
        return value

    def _merge(self, target: dict[str, Any], delta: dict[str, Any], *, kind: str) -> None:
        for name, value in delta.items():
            known = target.get(name)
            if isinstance(value, str) and name not in _WHOLE_FIELDS:
                self._grow(target, name, value, kind=kind)
            elif isinstance(value, dict) and isinstance(known, dict):
                self._merge(known, value, kind=name)
            elif isinstance(value, dict):
                target[name] = {}
                self._merge(target[name], value, kind=name)
            elif isinstance(value, list):
                self._extend(target, name, value)
            elif known is None or value not in {None, ""}:
                self.size += _weight(value) if known is None else 0
                target[name] = value

    def _grow(self, target: dict[str, Any], name: str, delta: str, *, kind: str) -> None:
        known = target.get(name)
        if isinstance(known, _Items):
            known.append(delta)
        elif isinstance(known, _Text | _Media):
            known.add(delta)
        elif name == "data":
            known = target[name] = _Media(kind)
            known.add(delta)
        else:
            target[name] = _Text((known if isinstance(known, str) else "") + delta)
        self.size += len(delta) if name != "data" else 0

    def _extend(self, target: dict[str, Any], name: str, items: list[Any]) -> None:
        known = target.get(name)
        if not isinstance(known, _Items):
            before = known if isinstance(known, list) else [] if known is None else [known]
            known = target[name] = _Items(before)
        for item in items:
            index = item.get("index") if isinstance(item, dict) and name in _INDEXED_FIELDS else None
            if isinstance(index, int):
                delta = {key: value for key, value in item.items() if key != "index"}
                self._merge(known.at(index), delta, kind=name)
            else:
                known.append(item)
                self.size += _weight(item)
            self.size += 1


def _built(value: Any) -> Any:
    if isinstance(value, _Text | _Media | _Items):
        return value.build()
    if isinstance(value, dict):
        return {name: _built(item) for name, item in value.items()}
    return [_built(item) for item in value] if isinstance(value, list) else value


def _weight(value: object) -> int:
    """The number of characters in a JSON value's texts, plus one for every other value."""
    weight, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        weight += len(value) if isinstance(value, str) else 1
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
    return weight
