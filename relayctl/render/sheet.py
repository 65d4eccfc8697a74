"""A sheet: columns and rows ready to be shown in any format, and how one cell reads to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final, Literal

from proxy.segments.record import money_text
from relayctl.reports.json_documents import encode

Kind = Literal[
    "text", "time", "count", "rank", "money", "milliseconds", "number", "figure", "percent", "change", "trend"
]
Row = Mapping[str, Any]

LEFT: Final[tuple[Kind, ...]] = ("text", "time", "trend")
"""The kinds that stand on the left of their column; numbers stand on the right."""

_FOUR_DIGITS: Final = 1000
_WIDE: Final = Context(prec=60)
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: `name` in data formats, `title` for people; a narrow terminal drops high `weight`s last.

    `unknown` is what people see for None.
    """

    name: str
    title: str
    kind: Kind = "text"
    weight: int = 9
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What a command shows. `header` are lines for people; `document` is the whole as one JSON object.

    `extra` columns stand in data formats only, because for people another column already says the same, and
    `only_shown` ones only where people read.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    document: Row
    header: Sequence[str] = ()
    totals: Row | None = None
    extra: frozenset[str] = frozenset()
    only_shown: frozenset[str] = frozenset()

    @property
    def shown(self) -> list[Column]:
        """The columns for people."""
        return [column for column in self.columns if column.name not in self.extra]

    @property
    def data(self) -> list[str]:
        """The names of the columns in data formats."""
        return [column.name for column in self.columns if column.name not in self.only_shown]


def cell(column: Column, value: object) -> str:
    """A value as a person reads it: thousands separated, money to four places, unknown money as `unknown`."""
    if value is None:
        return UNKNOWN if column.kind == "money" else column.unknown
    if isinstance(value, Decimal) and column.kind in _DECIMALS:
        return _DECIMALS[column.kind](value)
    if isinstance(value, int) and not isinstance(value, bool) and column.kind not in ("rank", "number"):
        return f"{value:,}"
    return printable(plain(value))


def plain(value: object) -> str:
    """A value that is no number, as every format but JSON shows it."""
    if isinstance(value, bool | list | dict):
        return encode(value).decode()
    return str(value)


def counted(number: int, thing: str) -> str:
    """`1 line`, `2,000 lines`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _rounded(value: Decimal, place: Decimal) -> str:
    if 0 < value < place:
        return f"<{place}"
    # A sum of money can have more digits than Python's context holds.
    digits = value.quantize(place, rounding=ROUND_HALF_UP, context=_WIDE)
    return f"{digits:,f}"


def _figure(value: Decimal) -> str:
    return f"{value:,.0f}" if abs(value) >= _FOUR_DIGITS else f"{float(value):.4g}"


def _change(value: Decimal) -> str:
    return f"{value.quantize(_TENTH, rounding=ROUND_HALF_UP, context=_WIDE):+,f}%"


_TENTH: Final = Decimal("0.1")
_DECIMALS: Final[dict[Kind, Callable[[Decimal], str]]] = {
    "money": lambda value: _rounded(value, Decimal("0.0001")),
    "milliseconds": lambda value: _rounded(value, _TENTH),
    "percent": lambda value: f"{_rounded(value, _TENTH)}%",
    "change": _change,
    "figure": _figure,
    "number": money_text,
}


def printable(text: str) -> str:
    """The text without characters that steer a terminal; names come from clients."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
