"""Results of SQL as sheets: every value as it is, none rounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from relayctl.render.sheet import Column, Sheet
from relayctl.reports.json_documents import time_label
from relayctl.sources.sql_database import Result

SCHEMA: Final = "relay.sql/v1"
_LARGEST: Final = 2**63
_NUMBERS: Final = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "DECIMAL",
    "FLOAT",
    "DOUBLE",
    "NUMBER",
)


def sql_sheet(result: Result) -> Sheet:
    """The rows of one statement."""
    names = _unlike(result.columns)
    columns = [
        Column(name=name, title=title, kind="number" if _is_number(its_type) else "text")
        for name, title, its_type in zip(names, result.columns, result.types, strict=True)
    ]
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in result.rows]
    return Sheet(columns=columns, rows=rows, document={"schema": SCHEMA, "columns": names, "rows": rows})


def _is_number(its_type: str) -> bool:
    return its_type.upper().removeprefix("U").startswith(_NUMBERS)


def _unlike(names: Sequence[str]) -> list[str]:
    """The names, those that were there before with a number: a row is an object."""
    found: dict[str, None] = {}
    for name in names:
        number = 1
        while (unlike := name if number == 1 else f"{name}_{number}") in found:
            number += 1
        found[unlike] = None
    return list(found)


def _plain(value: Any) -> Any:
    """The value as JSON can hold it; whole numbers beyond 64 bits, and moments, to the last digit."""
    if isinstance(value, bool | str | float | Decimal | None):
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else Decimal(value)
    if isinstance(value, datetime) and value.tzinfo:
        return time_label(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)
