"""Builds the sheet of an SQL result, without rounding."""

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
    """A sheet of the rows of one statement."""
    names = _unique(result.columns)
    columns = [
        Column(name=name, title=title, kind="number" if _is_number(type_name) else "text")
        for name, title, type_name in zip(names, result.columns, result.types, strict=True)
    ]
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in result.rows]
    return Sheet(columns=columns, rows=rows, document={"schema": SCHEMA, "columns": names, "rows": rows})


def _is_number(type_name: str) -> bool:
    return type_name.upper().removeprefix("U").startswith(_NUMBERS)


def _unique(names: Sequence[str]) -> list[str]:
    """Makes the names unique by appending numbers, because a row becomes a JSON object."""
    found: dict[str, None] = {}
    for name in names:
        number = 1
        while (unique := name if number == 1 else f"{name}_{number}") in found:
            number += 1
        found[unique] = None
    return list(found)


def _plain(value: Any) -> Any:
    """Converts a value for JSON; integers beyond 64 bits and times stay exact."""
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
