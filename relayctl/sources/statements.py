"""The DuckDB statements of this package; their column lists are made from the descriptions of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from etl.database.queries import named
from etl.records.columns import COLUMNS, IDENTITY, Column
from etl.rollup import columns as rollup

Connection = duckdb.DuckDBPyConnection

_MEMORY_LIMIT: Final = "300MB"
_WORDS: Final = re.compile(r"\w+")
_USED: Final = {
    *IDENTITY,
    *(one.column for one in rollup.DIMENSIONS),
    *(word for one in rollup.MEASURES for word in _WORDS.findall(one.of_records)),
    "ttft_ms",
}
REPORT_COLUMNS: Final = tuple(one for one in COLUMNS if one.name in _USED)
"""The stored columns that reports need: identity, dimensions, the columns of the measures, durations."""

_SUM_TYPES: Final[dict[rollup.Kind, str]] = {
    "count": "BIGINT",
    "tokens": "HUGEINT",
    "money": "DECIMAL(38, 12)",
    "milliseconds": "DECIMAL(38, 6)",
}
# In the strict check these are read as they are written.
_CHECKED_TYPES: Final = {"time": "VARCHAR", "money": "JSON", "milliseconds": "JSON"}
_EXACT: Final = {
    "time": r"regexp_full_match({0}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:]{{8}}\.[0-9]{{6}}Z')",
    "money": r"""regexp_full_match({0}::VARCHAR, '"[0-9]{{1,12}}(\.[0-9]{{1,12}})?"')""",
    "milliseconds": r"regexp_full_match({0}::VARCHAR, '[0-9]{{1,9}}(\.[0-9]{{1,6}})?')",
}


def _json_types(columns: Sequence[Column], types: Mapping[str, str], **others: str) -> str:
    fields = {"event": "VARCHAR", **others}
    for one in columns:
        fields[one.field] = "JSON" if one.field != one.name else types.get(one.kind, one.duckdb)
    return "{" + ", ".join(f"{name}: '{kind}'" for name, kind in fields.items()) + "}"


def _value(column: Column) -> str:
    field, _, part = column.source.partition(".")
    return f"({field}->>'$.{part}')" if part else field


def _selected(column: Column, value: str) -> str:
    default = column.default_sql
    return f"{value if default == 'NULL' else f'coalesce({value}, {default})'} AS {column.name}"


def _checked(column: Column) -> str:
    if column.kind == "money":
        return f"""trim({column.name}::VARCHAR, '"')"""
    return f"{column.name}::VARCHAR" if column.kind in _CHECKED_TYPES else _value(column)


def _is_exact(column: Column) -> str | None:
    if column.kind not in _EXACT:
        required = column.default is msgspec.NODEFAULT and not column.nullable
        return f"{column.name} IS NOT NULL" if required else None
    text = _EXACT[column.kind].format(column.name)
    return f"({column.name} IS NULL OR {text})" if column.nullable else text


def _parquet_type(column: Column) -> str:
    return "TIMESTAMPTZ" if column.kind == "time" else column.duckdb


def lists(columns: Sequence[Column]) -> dict[str, str]:
    """The column lists for readers of these stored columns, by placeholder."""
    return {
        "column_types": ", ".join(f"{one.name} {one.duckdb}" for one in columns),
        "parquet_types": ", ".join(f"{one.name} {_parquet_type(one)}" for one in columns),
        "parquet_columns": ", ".join(_selected(one, f"{one.name}::{one.duckdb}") for one in columns),
        "json_columns": ", ".join(_selected(one, f"{_value(one)}::{one.duckdb}") for one in columns),
        "json_types": _json_types(columns, {"money": "VARCHAR"}),
        "checked_columns": ", ".join(
            _selected(one, f"TRY_CAST({_checked(one)} AS {one.duckdb})") for one in columns
        ),
        "checked_types": _json_types(columns, _CHECKED_TYPES, seq="BIGINT"),
        "exact": " AND ".join(filter(None, map(_is_exact, columns))),
    }


_LISTS: Final = {
    **rollup.SQL,
    **lists(REPORT_COLUMNS),
    "rollup_types": ", ".join(
        [
            *(f"{one.column} VARCHAR" for one in rollup.DIMENSIONS),
            *(f"{one.name} {_SUM_TYPES[one.kind]}" for one in rollup.MEASURES),
        ]
    ),
}


def sql(name: str, **placeholders: str) -> str:
    """The statement of this name; `placeholders` replace or add to the lists of the report's columns."""
    return named(name).format(**{**_LISTS, **placeholders})


def naive(moment: datetime) -> datetime:
    """The time as DuckDB stores it: in UTC, without a time zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def rows(connection: Connection, statement: str, parameters: object = None) -> list[dict[str, Any]]:
    """The rows of a statement by column name."""
    found = connection.execute(statement, parameters)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def filters(given: Mapping[str, Iterable[str]]) -> tuple[str, dict[str, list[str]]]:
    """A condition for records with one of the given values in each of these columns; and its parameters."""
    texts = [f"list_contains($only_{column}, {column})" for column in given]
    return " AND ".join(texts) or "true", {f"only_{column}": list(given[column]) for column in given}


def database(file: Path | None = None, *, scratch: Path | None = None) -> Connection:
    """An empty database, in memory or in a new file, that loads no extension.

    With `scratch` its memory is bounded: what does not fit is written there, because records are many.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if scratch:
        config |= {"temp_directory": str(scratch / "spilled"), "memory_limit": _MEMORY_LIMIT}
    connection = duckdb.connect(str(file or ":memory:"), config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # it would be shown on stdout, among the data
    connection.execute(sql("stored_columns", **lists(COLUMNS)))
    return connection
