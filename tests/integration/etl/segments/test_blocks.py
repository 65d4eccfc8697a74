"""Loading in blocks gives the same result as loading line by line."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from etl.load.run import run
from proxy.segments.record import Fault
from tests.support.etl.segments import Intent, Item, SegmentWriter, record
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

# Texts with a meaning in COPY, CSV or JSON, each in every kind of text column.
TEXTS = [
    "", "null", "NULL", "\\N", "\\.", "\n\\.\n", "\\", "\\\\", '"', '""', '\\"', '"\\', ",", "],[", "]\n[",
    "\t", "\n", "\r", "\r\n", "\b\f\x1b", "a b", " ", "'", "[", "]", "{}", "%s", "é", "\u2028", "\U0001f600",
    "\x7f", "/",
]  # fmt: skip


@pytest.mark.parametrize("repeated", [0, 1], ids=["straight", "staged"])
def test_any_text_is_stored_as_written(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, repeated: int
) -> None:
    odd = [
        record(
            number,
            request_id=f"req_{number}{text}",
            user_id=text,
            team_id=text,
            key_id=text,
            model=text,
            upstream_model=text if number % 2 else None,
            provider=text,
            endpoint=text,
            price_source=text,
            limit_type=text if number % 3 else None,
            error=Fault(type=text, message=text) if number % 5 else None,
            ttft_ms=Decimal("0.000001"),
            cost_usd=Decimal("1E-12"),
        )
        for number, text in enumerate(TEXTS, start=1)
    ]
    # Long enough for several blocks, plain ones and others.
    plain: list[Item] = [item for number in range(100, 500) for item in pair(number)]
    # A duplicate makes the whole segment go through the staging table.
    writer.segment(*plain, *odd, *plain_again(), *odd[:repeated])
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate) == (400 + len(odd) + 400, repeated)
    columns = (
        "request_id, user_id, team_id, key_id, model, upstream_model, provider, endpoint, price_source, "
        "limit_type"
    )
    rows = database.execute(f"SELECT {columns}, error_type, ttft_ms, cost_usd FROM usage_records").fetchall()
    found = {row[0]: row for row in rows}
    for one in odd:
        expected = [getattr(one, name) for name in columns.split(", ")]
        expected += [one.error and one.error.type, one.ttft_ms, one.cost_usd]
        assert found[one.request_id] == tuple(expected)
    now = contents(database)
    assert now.hours == now.recomputed_hours


def pair(number: int) -> tuple[Item, Item]:
    """An intent and its record."""
    return Intent(record=record(number)), record(number)


def plain_again() -> list[Item]:
    """More, with an intent that never ends among them."""
    return [Intent(record=record(9000)), *(item for number in range(500, 900) for item in pair(number))]


def test_block_intents_are_matched_with_their_records(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    early = [Intent(record=record(number)) for number in range(1, 400)]
    writer.segment(*early, *plain_again(), *(record(number) for number in range(1, 399)))
    assert run(migrated_url, writer.directory).loaded == 798
    rows = database.execute("SELECT request_id FROM etl_intents ORDER BY 1").fetchall()
    assert rows == [(record(399).request_id,), (record(9000).request_id,)]


def test_only_the_invalid_line_of_a_block_is_rejected(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    items: list[Item] = [item for number in range(1, 900) for item in pair(number)]
    items[1000:1000] = [b"junk\n"]
    path = writer.segment(*items)
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.rejected) == (899, 1)
    row = database.execute("SELECT line_number, byte_offset FROM etl_rejects").fetchone()
    assert row == (1002, path.read_bytes().index(b"junk\n"))
    assert database.execute("SELECT seal_problem, missing_lines FROM etl_segments").fetchall() == [(None, 0)]
