"""A sheet of columns and rows for any output format, and the formatting of single cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from math import ceil
from typing import Any, Final, Literal

from proxy.segments.record import money_text
from relayctl.reports.json_documents import encode

Kind = Literal[
    "text", "time", "count", "rank", "money", "milliseconds", "number", "figure", "percent", "change", "trend"
]
Row = Mapping[str, Any]

LEFT: Final[tuple[Kind, ...]] = ("text", "time", "trend")
"""The left-aligned kinds; all others are right-aligned."""

_FOUR_DIGITS: Final = 1000
_WIDE: Final = Context(prec=60)
UNKNOWN: Final = "unknown"
_BARS: Final = "▁▂▃▄▅▆▇█"
_NO_VALUE: Final = "·"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: `name` in data formats, `title` for people. Narrow terminals drop low `weight`s first.

    `unknown` is the text for None in formats for people.
    """

    name: str
    title: str
    kind: Kind = "text"
    weight: int = 9
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The output of a command. `header` are lines for people; `document` is the JSON output.

    `extra` columns are in data formats only, because another column shows the same to people; `only_shown`
    columns are in the formats for people only.
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
        """The columns of the formats for people."""
        return [column for column in self.columns if column.name not in self.extra]

    @property
    def data(self) -> list[str]:
        """The names of the columns in data formats."""
        return [column.name for column in self.columns if column.name not in self.only_shown]


def cell(column: Column, value: object) -> str:
    """Formats a value for people: thousands separators, money to four places, unknown money as `unknown`."""
    if value is None:
        return UNKNOWN if column.kind == "money" else column.unknown
    if isinstance(value, Decimal) and column.kind in _DECIMALS:
        return _DECIMALS[column.kind](value)
    if isinstance(value, int) and not isinstance(value, bool) and column.kind not in ("rank", "number"):
        return f"{value:,}"
    return printable(plain(value))


def plain(value: object) -> str:
    """Formats a value that is not a number, for every format but JSON."""
    if isinstance(value, bool | list | dict):
        return encode(value).decode()
    return str(value)


def counted(number: int, thing: str) -> str:
    """`1 line`, `2,000 lines`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _rounded(value: Decimal, place: Decimal) -> str:
    if 0 < value < place:
        return f"<{place}"
    # A sum of money can have more digits than the default decimal context.
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
    """Escapes control characters, because names come from clients and are printed to a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def sparkline(values: Sequence[int | Decimal | None]) -> str:
    """One bar for each value, relative to the largest; 0 and None are a dot, to differ from small values."""
    largest = max((value for value in values if value), default=None)
    if not largest:
        return _NO_VALUE * len(values)
    return "".join(_BARS[ceil(value * len(_BARS) / largest) - 1] if value else _NO_VALUE for value in values)
