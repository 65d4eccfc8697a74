"""A record counts once, however often its line comes, and a line that says otherwise is a reject."""

from __future__ import annotations

import shutil
from decimal import Decimal

import psycopg
import pytest

from etl.load.rejects import list_rejects
from etl.load.run import run
from tests.support.etl.segments import SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

CONTRADICTION = "a record with this request_id and created_at but other content is loaded already"


def test_a_copy_of_a_segment_under_another_name_adds_nothing(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    path = writer.segment(*records(50))
    run(migrated_url, writer.directory)
    before = contents(database)
    shutil.copy(path, path.with_name(path.name.replace("w1", "w2")))
    result = run(migrated_url, writer.directory)
    after = contents(database)
    assert (result.loaded, result.duplicate, result.rejected) == (0, 50, 0)
    assert (after.records, after.hours, after.days) == (before.records, before.hours, before.days)


def test_of_a_segment_that_is_known_in_part_the_rest_is_loaded(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(*records(10))
    writer.segment(*records(10, start=6), b"junk\n")
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate, result.rejected) == (15, 5, 1)
    now = contents(database)
    assert (now.records.total(), now.hours, now.days) == (15, now.recomputed_hours, now.recomputed_days)


def test_a_record_that_stands_twice_in_its_segment_counts_once(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1), record(2), record(1), record(1))
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate, result.rejected) == (2, 2, 0)
    now = contents(database)
    assert now.hours == now.recomputed_hours


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 418},
        {"cost_usd": None},
        {"cost_usd": Decimal("0.001000000001")},
        {"user_id": "somebody-else"},
        {"price_source": ""},  # empty is not unknown
        {"ttft_ms": Decimal("0.000001")},
    ],
)
@pytest.mark.parametrize("same_segment", [True, False])
def test_a_record_that_contradicts_a_stored_one_is_rejected(
    migrated_url: str,
    database: psycopg.Connection,
    writer: SegmentWriter,
    changes: dict[str, object],
    same_segment: bool,
) -> None:
    first, second = record(1), record(1, **changes)
    if same_segment:
        path = writer.segment(record(2), first, second)
    else:
        writer.segment(first)
        path = writer.segment(record(2), record(3), second)
    result = run(migrated_url, writer.directory)
    (reject,) = list_rejects(database, 10)
    assert (result.duplicate, result.rejected) == (0, 1)
    assert (reject.segment, reject.line_number, reject.reason) == (path.name, 4, CONTRADICTION)
    assert path.read_bytes()[reject.byte_offset :].startswith(reject.line.encode()[:200])
    now = contents(database)
    assert now.hours == now.recomputed_hours
    stored = database.execute(
        "SELECT status, user_id FROM usage_records WHERE request_id = %s", (first.request_id,)
    )
    assert stored.fetchall() == [(first.status, first.user_id)]


def test_the_same_amount_written_otherwise_is_the_same_record(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1, cost_usd=Decimal("0.5"), latency_ms=Decimal("1")))
    writer.segment(record(1, cost_usd=Decimal("0.500"), latency_ms=Decimal("1.0000004")))
    assert run(migrated_url, writer.directory).duplicate == 1


def test_many_contradictions_are_all_rejected(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.load.segment._MAX_REJECTS", 7)
    monkeypatch.setattr("etl.load.staging._FETCH_SIZE", 5)
    writer.segment(*records(100))
    writer.segment(*(record(number, key_id="other") for number in range(1, 101)), b"junk\n")
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.rejected) == (100, 101)
    assert contents(database).rejects.total() == 101
