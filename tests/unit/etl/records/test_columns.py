"""The description of the stored columns agrees with the schema, the documentation and old lines."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from etl.archive.parquet import Rows, to_parquet
from etl.records.columns import ARCHIVE_ONLY, COLUMNS, IDENTITY, SQL
from etl.records.rows import to_row
from etl.rollup.columns import DIMENSIONS, MEASURES
from etl.segments.blocks import QuickRecord
from proxy.segments.record import Fault, UsageRecord, from_line

ROOT = Path(__file__).parents[4]
COLUMN = re.compile(r'^    (\w+) ([\w ]+?)(?: COLLATE "C")?( NOT NULL)?(?: DEFAULT .*?)?,?$', re.MULTILINE)


def table(name: str) -> list[tuple[str, str, bool]]:
    """Name, type and nullability of each column of a table in sql/schema.sql."""
    schema = (ROOT / "sql" / "schema.sql").read_text("utf-8")
    _, _, rest = schema.partition(f"CREATE TABLE {name} (\n")
    return [(one, kind, not required) for one, kind, required in COLUMN.findall(rest.partition("\n)")[0])]


def test_the_columns_are_those_of_usage_records() -> None:
    """In any order: a new column is the last one in PostgreSQL."""
    described = {(column.name, column.postgres, column.nullable) for column in COLUMNS}
    stored = table("usage_records")
    assert described == set(stored)
    assert len(stored) == len(COLUMNS)


def test_the_rollup_has_the_dimensions_and_measures() -> None:
    names = [name for name, _, _ in table("usage_hourly_parts")]
    described = {*(one.column for one in DIMENSIONS), *(one.name for one in MEASURES)}
    assert {"hour", *described} == set(names)


def test_every_field_of_a_record_is_documented() -> None:
    text = (ROOT / "docs" / "records.md").read_text("utf-8")
    assert [name for name in UsageRecord.__struct_fields__ if f"`{name}`" not in text] == []


def test_every_field_is_a_column_or_archived() -> None:
    fields = [column.field for column in COLUMNS]
    assert sorted([*fields, *ARCHIVE_ONLY]) == sorted(UsageRecord.__struct_fields__)
    assert SQL["columns"].split(", ") == [column.name for column in COLUMNS]
    assert not {*IDENTITY} & {name.partition(".")[2] for name in SQL["staged_values"].split(", ")}


def test_the_fast_reader_begins_with_the_columns() -> None:
    assert list(QuickRecord.__struct_fields__[: len(COLUMNS)]) == [column.field for column in COLUMNS]


def test_the_fast_reader_keeps_amounts_as_texts() -> None:
    """A `Decimal` would not be rounded there as `to_row` rounds it."""
    amounts = {column.field for column in COLUMNS if column.kind in ("money", "milliseconds")}
    types = {one.name: one.type for one in msgspec.structs.fields(QuickRecord)}
    assert {name for name in amounts if types[name] in (Decimal, Decimal | None)} == set()


SHORTEST = (
    b'{"v":1,"event":"request","seq":1,"request_id":"req_1","created_at":"2026-11-01T09:30:00Z","user_id":"u",'
    b'"team_id":"t","model":"m","status":200,"prompt_tokens":1,"completion_tokens":0,"total_tokens":1}\n'
)


def test_an_old_line_has_the_defaults_of_newer_columns() -> None:
    row = dict(zip((column.name for column in COLUMNS), to_row(from_line(SHORTEST)), strict=True))
    for column in COLUMNS:
        if column.default is not msgspec.NODEFAULT:
            assert row[column.name] == column.default


@pytest.mark.parametrize(
    ("name", "text"), [("key_id", "''"), ("stream", "false"), ("reasoning_tokens", "0"), ("cost_usd", "NULL")]
)
def test_a_default_is_sql(name: str, text: str) -> None:
    (column,) = [one for one in COLUMNS if one.name == name]
    assert column.default_sql == text


RECORD = UsageRecord(
    request_id="req_1",
    created_at=datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
    user_id="ada",
    team_id="search",
    model="gpt-5",
    status=502,
    prompt_tokens=3,
    completion_tokens=2,
    total_tokens=5,
    cost_usd=Decimal("0E-200000"),
    latency_ms=Decimal("1.0000005"),
    usage={"prompt_tokens": 3},
    provider_request_id="x-1",
    error=Fault(type="timeout", message="It took too long."),
)


def test_a_row_is_rounded_and_holds_the_type_of_the_error() -> None:
    row = dict(zip((column.name for column in COLUMNS), to_row(RECORD), strict=True))
    assert row["error_type"] == "timeout"
    assert (str(row["cost_usd"]), row["latency_ms"], row["ttft_ms"]) == ("0E-12", Decimal("1.000001"), None)
    assert (row["user_id"], row["total_tokens"], row["cache_hit"]) == ("ada", 5, False)


def test_parquet_holds_columns_then_the_rest_then_the_place() -> None:
    rows = Rows()
    rows.add(RECORD, segment="usage-1.jsonl", line=2)
    ((_, day),) = rows.take()
    stored = parquet.read_table(pa.BufferReader(to_parquet(day)))
    names = [column.name for column in COLUMNS]
    assert stored.column_names == [*names, "error_message", *ARCHIVE_ONLY, "segment", "line"]
    (row,) = stored.to_pylist()
    assert tuple(row[name] for name in names) == to_row(RECORD)
    assert (row["error_message"], row["provider_request_id"]) == ("It took too long.", "x-1")
    assert (row["usage"], row["attempts"], row["unit_prices"]) == ('{"prompt_tokens":3}', "[]", None)
