"""A segment is loaded completely and once, and the rollups are the sums of its records."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from etl.load.run import run
from proxy.segments.record import Attempt, Fault
from tests.support.etl.segments import Item, SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres


def test_every_field_is_stored_as_written(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    full = record(
        1,
        upstream_model="gpt-5-2026",
        stream=True,
        status=499,
        cache_read_tokens=4,
        cache_write_tokens=5,
        reasoning_tokens=2,
        usage={"a": 1},
        usage_source="estimated",
        cost_usd=Decimal("0.000000000001"),
        price_source="genai-prices 1",
        latency_ms=Decimal("1234.5678905"),
        ttft_ms=Decimal("0.0000004"),
        cache_hit=True,
        limit_type="rpm",
        error=Fault(type="client_gone", message="The client went away."),
        attempts=(Attempt(provider="openai", status=200, latency_ms=Decimal(3)),),
        user_id="tab\there \\N \\. \u2028 \U0001f600\r\n",
    )
    writer.segment(full)
    run(migrated_url, writer.directory)
    with database.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute("SELECT * FROM usage_records").fetchone() or {}
    expected = {name: getattr(full, name, None) for name in row} | {
        "latency_ms": Decimal("1234.567891"),
        "ttft_ms": Decimal(0),
        "error_type": "client_gone",
    }
    assert row == expected


def test_rollup_sums_equal_record_sums(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    everything = records(300)
    for start in range(0, 300, 100):
        writer.segment(*everything[start : start + 100])
    result = run(migrated_url, writer.directory)
    assert (result.segments, result.loaded, result.waiting) == (3, 300, 0)
    cost = sum((one.cost_usd for one in everything if one.cost_usd is not None), Decimal(0))
    tokens = sum(one.total_tokens for one in everything)
    for table in ("usage_hourly", "usage_daily"):
        row = database.execute(
            f"SELECT sum(requests), sum(cost_usd), sum(total_tokens) FROM {table}"
        ).fetchone()
        assert row == (300, cost, tokens)


def test_loading_twice_changes_nothing(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    """Invariant 3: one segment, one transaction, one ledger row."""
    writer.segment(*records(20), b"junk\n")
    run(migrated_url, writer.directory)
    before = contents(database)
    again = run(migrated_url, writer.directory)
    assert (again.segments, again.loaded, again.refreshed) == (0, 0, False)
    assert contents(database) == before


def test_open_segment_is_not_loaded(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    """Invariant 2: only sealed files are loaded; the rename is the hand-over."""
    sealed = writer.segment(*records(3))
    path = sealed.rename(sealed.with_name(sealed.name + ".open"))
    assert run(migrated_url, writer.directory).listed == 0
    path.rename(sealed)
    assert run(migrated_url, writer.directory).loaded == 3


def test_stored_record_is_never_edited(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    """Invariant 4: a record is a fact."""
    writer.segment(record(1, status=200))
    run(migrated_url, writer.directory)
    writer.segment(record(1, status=500))
    run(migrated_url, writer.directory)
    assert database.execute("SELECT status FROM usage_records").fetchall() == [(200,)]


OLD_LINES = [
    # Version 1 with the required fields only.
    (
        b'{"v":1,"event":"request","seq":2,"request_id":"req_old","created_at":"2026-11-01T09:30:00.000000Z",'
        b'"user_id":"ada","team_id":"blue","model":"gpt-5","status":200,"prompt_tokens":3,"completion_tokens":4,'
        b'"total_tokens":7}\n'
    ),
]


@pytest.mark.parametrize("line", OLD_LINES)
def test_old_line_formats_are_loaded(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, line: bytes
) -> None:
    """Invariant 6."""
    writer.segment(line)
    assert run(migrated_url, writer.directory).loaded == 1
    assert database.execute("SELECT total_tokens, cost_usd FROM usage_records").fetchall() == [(7, None)]


def test_partition_is_created_for_any_month(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    times = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2019, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]
    writer.segment(*(record(number, created_at=time) for number, time in enumerate(times)))
    assert run(migrated_url, writer.directory).loaded == len(times)
    rows = database.execute(
        "SELECT tableoid::regclass::text, created_at FROM usage_records ORDER BY created_at"
    ).fetchall()
    months = ["early", "early", "2020_01", "2024_02", "2024_03", "2026_12", "2049_12", "late", "late"]
    assert rows == [(f"usage_records_{month}", time) for month, time in zip(months, times, strict=True)]


def test_segment_beyond_the_buffer_limits_is_loaded_in_parts(
    migrated_url: str,
    database: psycopg.Connection,
    writer: SegmentWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("etl.load.segment._MAX_HOURS", 3)
    monkeypatch.setattr("etl.load.segment._MAX_REJECTS", 2)
    items: list[Item] = [item for one in records(50) for item in (one, b"junk\n")]
    writer.segment(*items)
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.rejected) == (50, 50)
    now = contents(database)
    assert now.hours == now.recomputed_hours


def test_statement_of_the_contract_works(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    now = datetime.now(UTC)
    writer.segment(
        record(1, created_at=now, team_id="red", cost_usd=Decimal("0.5")),
        record(2, created_at=now, team_id="red", cost_usd=Decimal("0.25")),
        record(3, created_at=now, team_id="blue", cost_usd=None),
    )
    run(migrated_url, writer.directory)
    rows = database.execute("""
SELECT day, team_id, SUM(cost_usd) AS total_cost, SUM(total_tokens) AS total_tokens
FROM usage_daily WHERE day >= NOW() - INTERVAL '30 days'
GROUP BY day, team_id ORDER BY day DESC, total_cost DESC;
""").fetchall()
    # PostgreSQL sorts NULL before every number in descending order.
    assert rows == [
        (now.date(), "blue", None, 28),
        (now.date(), "red", Decimal("0.75"), 11 + 5 + 12 + 10),
    ]


def test_unreadable_segment_does_not_block_others(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    gone = writer.segment(*records(3))
    gone.unlink()
    gone.mkdir()  # unreadable even for root
    writer.segment(*records(3, start=10))
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.waiting) == (3, 1)
    assert result.failed == (f"segment {gone} cannot be read: Is a directory",)


def test_overflowing_sum_does_not_block_other_segments(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    huge = [
        record(1, request_id=f"req_{number}", prompt_tokens=2**53, completion_tokens=0, total_tokens=2**53)
        for number in range(1025)
    ]
    path = writer.segment(*huge)
    writer.segment(*records(3, start=10))
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.waiting) == (3, 1)
    assert result.failed == (
        f'segment {path} cannot be stored: value "9232379236109516800" is out of range for type bigint',
    )


def test_times_in_any_zone_are_stored_as_the_same_instant(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    line = OLD_LINES[0].replace(b"2026-11-01T09:30:00.000000Z", b"2026-11-01T00:30:00.5+05:45")
    writer.segment(line)
    run(migrated_url, writer.directory)
    moment = datetime(2026, 10, 31, 18, 45, 0, 500000, tzinfo=UTC)
    assert database.execute("SELECT created_at FROM usage_records").fetchall() == [(moment,)]
    assert database.execute("SELECT hour FROM usage_hourly").fetchall() == [
        (moment.replace(minute=0, microsecond=0),)
    ]


def test_load_does_not_write_to_the_log_directory(
    migrated_url: str, writer: SegmentWriter, logs: Path
) -> None:
    writer.segment(*records(3), b"junk\n")
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in logs.iterdir()}
    run(migrated_url, logs)
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in logs.iterdir()} == before
