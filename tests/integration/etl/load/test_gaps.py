"""Missing segments, missing lines, unended intents and seal mismatches are reported as gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from etl.load import ledger, status
from etl.load.run import run
from proxy.segments.record import UsageRecord
from tests.support.etl.segments import Intent, SegmentWriter, record, records

pytestmark = pytest.mark.every_postgres


def gaps(connection: psycopg.Connection) -> list[tuple[str, str, int]]:
    """Kind, number of the segment and size of each gap."""
    return [(gap.kind, gap.segment[-12:-6], gap.missing) for gap in status.gaps(connection)]


def fresh(number: int) -> UsageRecord:
    """The record of a request that arrived now."""
    return record(number, created_at=datetime.now(UTC))


def test_complete_chain_has_no_gaps(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(Intent(record=record(1)), record(1))
    writer.segment(Intent(record=record(2)))
    writer.segment(record(2), b"junk\n")
    run(migrated_url, writer.directory)
    assert gaps(database) == []


def test_writers_are_checked_separately(migrated_url: str, database: psycopg.Connection, logs: Path) -> None:
    one, two = SegmentWriter(logs, "w1"), SegmentWriter(logs, "w2")
    one.segment(*records(2))
    two.segment(*records(3, start=10))
    one.segment(*records(2, start=20))
    run(migrated_url, logs)
    assert gaps(database) == []


def test_missing_segments_are_gaps(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1)).unlink()
    writer.segment(record(2))
    writer.segment(record(3)).unlink()
    writer.segment(record(4)).unlink()
    writer.segment(record(5))
    run(migrated_url, writer.directory)
    assert gaps(database) == [("missing_segment", "000002", 1), ("missing_segment", "000005", 2)]


def test_late_segment_closes_the_gap(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    late = writer.segment(record(1))
    data = late.read_bytes()
    late.unlink()
    writer.segment(record(2))
    run(migrated_url, writer.directory)
    assert gaps(database) == [("missing_segment", "000002", 1)]
    late.write_bytes(data)
    run(migrated_url, writer.directory)
    assert gaps(database) == []


def test_waiting_segment_is_not_a_problem(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    waiting = writer.segment(record(1))
    writer.segment(record(2))
    with psycopg.connect(migrated_url) as other, other.transaction():
        assert ledger.claim(other, waiting.name)
        run(migrated_url, writer.directory)
        assert gaps(database) == [("missing_segment", "000002", 1)]
        seen = status.read(database, writer.directory)
        assert (seen.waiting, seen.gaps, seen.problem) == (1, (), False)
        waiting.unlink()
        assert status.read(database, writer.directory).problem


def test_missing_lines_in_a_segment_are_a_gap(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    path = writer.segment(*records(6))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[4:]))
    run(migrated_url, writer.directory)
    assert gaps(database) == [("missing_lines", "000001", 2), ("seal_mismatch", "000001", 1)]


def test_missing_lines_between_segments_are_a_gap(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.skip(lines=2)
    writer.segment(record(1))
    writer.skip(lines=3)
    writer.segment(record(2))
    run(migrated_url, writer.directory)
    assert gaps(database) == [("missing_lines", "000001", 2), ("missing_lines", "000002", 3)]


def test_unended_intent_of_a_dead_writer_is_a_gap(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    """Invariant 5: an intent without its end is shown."""
    writer.segment(Intent(record=fresh(1)), Intent(record=record(2)), record(2))
    writer.segment(record(3), recovered=True)
    run(migrated_url, writer.directory)
    assert gaps(database) == [("unended_intent", "000001", 1)]


@pytest.mark.parametrize(("age", "shown"), [(timedelta(minutes=50), 0), (timedelta(minutes=70), 1)])
def test_unended_intent_of_a_live_writer_is_a_gap_after_an_hour(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, age: timedelta, shown: int
) -> None:
    writer.segment(Intent(record=record(1, created_at=datetime.now(UTC) - age)))
    run(migrated_url, writer.directory)
    assert gaps(database) == [("unended_intent", "000001", 1)] * shown


@pytest.mark.parametrize("record_first", [False, True])
def test_intent_ended_in_another_segment_is_not_a_gap(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, record_first: bool
) -> None:
    late = [writer.segment(Intent(record=record(1))), writer.segment(record(1))][not record_first]
    data = late.read_bytes()
    late.unlink()
    run(migrated_url, writer.directory)
    late.write_bytes(data)
    run(migrated_url, writer.directory)
    assert gaps(database) == []
    assert database.execute("SELECT count(*) FROM etl_intents").fetchone() == (0,)


def test_intents_beyond_the_buffer_limit_are_stored(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.load.segment._MAX_INTENTS", 3)
    begun = records(10)
    writer.segment(*(Intent(record=one) for one in begun), *begun[:8])
    run(migrated_url, writer.directory)
    assert gaps(database) == [("unended_intent", "000001", 1)] * 2
    assert database.execute("SELECT count(*) FROM etl_intents").fetchone() == (2,)


def test_edited_segment_is_loaded_and_reported(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    path = writer.segment(*records(3))
    path.write_bytes(path.read_bytes().replace(b'"cost_usd":"0.001"', b'"cost_usd":"0.009"'))
    result = run(migrated_url, writer.directory)
    assert result.loaded == 3
    (gap,) = status.gaps(database)
    assert gap.kind == "seal_mismatch"
    assert "the seal says cost_usd 0.006, the lines make 0.014" in gap.detail


def test_segment_without_seal_is_loaded_and_reported(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(*records(3), sealed=False)
    assert run(migrated_url, writer.directory).loaded == 3
    assert [gap.detail for gap in status.gaps(database)] == ["there is no seal line"]


def test_replaced_segment_breaks_the_hash_chain(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, tmp_path: Path
) -> None:
    first = writer.segment(*records(3))
    writer.segment(*records(3, start=10))
    # The replacement is valid in itself; only the next segment has the hash of the original.
    (tmp_path / "forged").mkdir()
    forged = SegmentWriter(tmp_path / "forged").segment(*records(3, start=50))
    first.write_bytes(forged.read_bytes())
    run(migrated_url, writer.directory)
    assert gaps(database) == [("seal_mismatch", "000002", 1)]
