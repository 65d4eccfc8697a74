"""A sheet: columns and rows ready to be shown in any format, and how one cell reads to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final, Literal

Kind = Literal["text", "time", "count", "rank", "money", "milliseconds"]
Row = Mapping[str, Any]

_SHOWN_PLACES: Final[dict[Kind, Decimal]] = {"money": Decimal("0.0001"), "milliseconds": Decimal("0.1")}
_WIDE: Final = Context(prec=60)
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: `name` in data formats, `title` for people; a narrow terminal drops high `weight`s last."""

    name: str
    title: str
    kind: Kind = "text"
    weight: int = 9


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What a command shows. `header` are lines for people; `document` is the whole as one JSON object.

    `extra` columns stand in data formats only, because for people another column already says the same.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    document: Row
    header: Sequence[str] = ()
    totals: Row | None = None
    extra: frozenset[str] = frozenset()

    @property
    def shown(self) -> list[Column]:
        """The columns for people."""
        return [column for column in self.columns if column.name not in self.extra]


def cell(column: Column, value: object) -> str:
    """A value as a person reads it: thousands separated, money to four places, unknown money as `unknown`."""
    if value is None:
        return UNKNOWN if column.kind == "money" else ""
    if isinstance(value, Decimal) and column.kind in _SHOWN_PLACES:
        return _rounded(value, _SHOWN_PLACES[column.kind])
    if isinstance(value, int) and column.kind != "rank":
        return f"{value:,}"
    return printable(str(value))


def counted(number: int, thing: str) -> str:
    """`1 line`, `2,000 lines`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _rounded(value: Decimal, place: Decimal) -> str:
    if 0 < value < place:
        return f"<{place}"
    # A sum of money can have more digits than Python's context holds.
    digits = value.quantize(place, rounding=ROUND_HALF_UP, context=_WIDE)
    return f"{digits:,f}"


def printable(text: str) -> str:
    """The text without characters that steer a terminal; names come from clients."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
