"""A JSON value that comes in pieces: texts grow, parts find their place by index, the rest is set; pure."""

from __future__ import annotations

from io import StringIO
from typing import Any, Final

from proxy.content.notes import note

# These texts come whole, however often.
_WHOLE: Final = frozenset({"role", "type", "id", "name", "signature", "format", "status"})
# The items of these lists tell by `index` which of them a piece belongs to.
_INDEXED: Final = frozenset({"tool_calls", "reasoning_details", "content", "summary"})


class _Text:
    """A text that grows."""

    def __init__(self, begin: str) -> None:
        self._pieces = StringIO()
        self._pieces.write(begin)

    def add(self, piece: str) -> None:
        self._pieces.write(piece)

    def settled(self) -> str:
        return self._pieces.getvalue()


class _Media:
    """Sound or a picture in base64 that grows: only its size is kept."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._characters = 0

    def add(self, piece: str) -> None:
        self._characters += len(piece.rstrip("="))

    def settled(self) -> str:
        return note(self._kind, self._characters * 3 // 4)


class _Parts:
    """A list whose items come in pieces."""

    def __init__(self, items: list[Any]) -> None:
        self._items: dict[int, Any] = dict(enumerate(items))

    def at(self, index: int) -> dict[str, Any]:
        """The item with this index, which may be a new one."""
        item = self._items.get(index)
        if not isinstance(item, dict):
            item = self._items[index] = {}
        return item

    def append(self, item: Any) -> None:
        self._items[max(self._items, default=-1) + 1] = item

    def settled(self) -> list[Any]:
        return [_settled(item) for _, item in sorted(self._items.items())]


class Draft:
    """A JSON object while its pieces come. `size` is about what its JSON takes, never more."""

    def __init__(self, begin: dict[str, Any] | None = None) -> None:
        self._value: dict[str, Any] = begin or {}
        self.size = _weight(begin)

    def merge(self, delta: dict[str, Any]) -> None:
        """Adds a piece. Raises `RecursionError` for one that is nested too deeply."""
        self._merge(self._value, delta, kind="")

    def value(self) -> dict[str, Any]:
        """What it is so far. Raises `RecursionError`."""
        settled: dict[str, Any] = _settled(self._value)
        return settled

    def _merge(self, target: dict[str, Any], delta: dict[str, Any], *, kind: str) -> None:
        for name, piece in delta.items():
            known = target.get(name)
            if isinstance(piece, str) and name not in _WHOLE:
                self._grow(target, name, piece, kind=kind)
            elif isinstance(piece, dict) and isinstance(known, dict):
                self._merge(known, piece, kind=name)
            elif isinstance(piece, dict):
                target[name] = {}
                self._merge(target[name], piece, kind=name)
            elif isinstance(piece, list):
                self._extend(target, name, piece)
            elif known is None or piece not in {None, ""}:
                self.size += _weight(piece) if known is None else 0
                target[name] = piece

    def _grow(self, target: dict[str, Any], name: str, piece: str, *, kind: str) -> None:
        known = target.get(name)
        if isinstance(known, _Parts):
            known.append(piece)
        elif isinstance(known, _Text | _Media):
            known.add(piece)
        elif name == "data":
            known = target[name] = _Media(kind)
            known.add(piece)
        else:
            target[name] = _Text((known if isinstance(known, str) else "") + piece)
        self.size += len(piece) if name != "data" else 0

    def _extend(self, target: dict[str, Any], name: str, items: list[Any]) -> None:
        known = target.get(name)
        if not isinstance(known, _Parts):
            before = known if isinstance(known, list) else [] if known is None else [known]
            known = target[name] = _Parts(before)
        for item in items:
            index = item.get("index") if isinstance(item, dict) and name in _INDEXED else None
            if isinstance(index, int):
                piece = {key: value for key, value in item.items() if key != "index"}
                self._merge(known.at(index), piece, kind=name)
            else:
                known.append(item)
                self.size += _weight(item)
            self.size += 1


def _settled(value: Any) -> Any:
    if isinstance(value, _Text | _Media | _Parts):
        return value.settled()
    if isinstance(value, dict):
        return {name: _settled(item) for name, item in value.items()}
    return [_settled(item) for item in value] if isinstance(value, list) else value


def _weight(value: object) -> int:
    """The characters of a JSON value's texts, and one for everything else in it."""
    weight, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        weight += len(value) if isinstance(value, str) else 1
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
    return weight
