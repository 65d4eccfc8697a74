"""Old months of records go when they are archived, and only then; what was told from them stays true."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from etl.database import partitions
from etl.database.prune import prune
from etl.database.queries import named
from etl.errors import DatabaseError
from etl.load.run import run
from etl.rollup import verification as differences
from tests.support.etl.segments import Intent, SegmentWriter, record
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def moment(year: int, month: int, day: int = 10) -> datetime:
    return datetime(year, month, day, 12, 30, tzinfo=UTC)


def archived(connection: psycopg.Connection, *numbers: int) -> None:
    """Says what `etl archive` says once these segments of the writer are in the archive."""
    connection.execute(
        "UPDATE etl_segments SET archived_at = now(), archive = '/archive' WHERE number = ANY(%s)",
        (list(numbers),),
    )


def pruned(connection: psycopg.Connection, *, dry_run: bool = False) -> list[tuple[str, int, int, bool]]:
    """Name, records, unarchived segments and end of each old partition."""
    months = prune(connection, BEFORE, dry_run=dry_run)
    return [(one.partition[14:], one.records, one.unarchived, one.dropped) for one in months]


def months(connection: psycopg.Connection) -> list[str]:
    return [partition.name[14:] for partition in partitions.list_partitions(connection)]


@pytest.fixture
def loaded(migrated_url: str, database: psycopg.Connection, writer: SegmentWriter) -> SegmentWriter:
    """Three old months in two segments, and one month that is kept."""
    writer.segment(
        Intent(record=record(1, created_at=moment(2025, 10))),
        record(1, created_at=moment(2025, 10)),
        record(2, created_at=moment(2025, 11, 30)),
    )
    writer.segment(record(3, created_at=moment(2025, 11)), record(4, created_at=moment(2025, 12, 31)))
    writer.segment(record(5, created_at=moment(2026, 1, 1)))
    run(migrated_url, writer.directory)
    return writer


def test_months_that_are_archived_are_dropped_and_the_rollups_stay(
    database: psycopg.Connection, loaded: SegmentWriter
) -> None:
    before = contents(database)
    archived(database, 1, 2)
    assert pruned(database) == [("2025_10", 1, 0, True), ("2025_11", 2, 0, True), ("2025_12", 1, 0, True)]
    now = contents(database)
    assert now.records.total() == 1
    assert (now.hours, now.days, now.ledger) == (before.hours, before.days, before.ledger)
    assert "2025_12" not in months(database)
    assert "2026_01" in months(database)
    assert pruned(database) == []


def test_a_pruned_month_is_no_difference(database: psycopg.Connection, loaded: SegmentWriter) -> None:
    archived(database, 1, 2)
    pruned(database)
    assert differences.find(database) == []
    database.execute("UPDATE usage_hourly_parts SET requests = 7 WHERE hour >= '2026-01-01'")
    assert {one.measure for one in differences.find(database)} == {"requests"}


def test_a_dry_run_drops_nothing(database: psycopg.Connection, loaded: SegmentWriter) -> None:
    archived(database, 1, 2)
    before = contents(database)
    assert [dropped for *_, dropped in pruned(database, dry_run=True)] == [True] * 3
    assert contents(database) == before


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([], [("2025_10", 1, 1, False), ("2025_11", 2, 2, False), ("2025_12", 1, 1, False)]),
        # The first segment reaches into November.
        ([2], [("2025_10", 1, 1, False), ("2025_11", 2, 1, False), ("2025_12", 1, 0, False)]),
        ([1], [("2025_10", 1, 0, True), ("2025_11", 2, 1, False), ("2025_12", 1, 1, False)]),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_months_stay_from_the_first_on_that_is_not_archived(
    database: psycopg.Connection,
    loaded: SegmentWriter,
    segments: list[int],
    expected: list[tuple[str, int, int, bool]],
    dry_run: bool,
) -> None:
    archived(database, *segments)
    assert pruned(database, dry_run=dry_run) == expected
    gone = [] if dry_run else [name for name, *_, dropped in expected if dropped]
    assert set(gone).isdisjoint(months(database))
    assert {"2025_11", "2025_12"} <= set(months(database))


def test_a_late_record_of_a_pruned_month_is_loaded_and_the_rollups_add(
    migrated_url: str, database: psycopg.Connection, loaded: SegmentWriter
) -> None:
    archived(database, 1, 2)
    pruned(database)
    late = record(2, request_id="req_late", created_at=moment(2025, 11, 30))
    loaded.segment(late)
    assert run(migrated_url, loaded.directory).loaded == 1
    rows = database.execute(
        "SELECT requests, total_tokens FROM usage_hourly WHERE hour = '2025-11-30T12:00:00Z'"
    ).fetchall()
    assert rows == [(2, 2 * late.total_tokens)]
    assert differences.find(database) == []
    assert pruned(database) == [("2025_11", 1, 1, False)]
    archived(database, 4)
    assert pruned(database) == [("2025_11", 1, 0, True)]


def test_a_segment_of_a_pruned_month_is_not_loaded_again(
    migrated_url: str, database: psycopg.Connection, loaded: SegmentWriter
) -> None:
    archived(database, 1, 2)
    pruned(database)
    before = contents(database)
    assert run(migrated_url, loaded.directory).segments == 0
    assert contents(database) == before


def test_a_load_that_comes_in_between_keeps_its_month(
    migrated_url: str, database: psycopg.Connection, loaded: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived(database, 1, 2)
    loaded.segment(record(7, created_at=moment(2025, 10)))

    def named_and_loaded(name: str) -> str:
        # Between the first look at the month and the lock that keeps everybody out.
        if name == "lock_usage_records":
            run(migrated_url, loaded.directory)
        return named(name)

    monkeypatch.setattr("etl.database.prune.named", named_and_loaded)
    assert [dropped for *_, dropped in pruned(database)] == [False] * 3
    assert "2025_10" in months(database)


def test_a_long_query_makes_it_give_up_in_one_sentence(
    migrated_url: str, database: psycopg.Connection, loaded: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived(database, 1, 2)
    statement = "SET LOCAL lock_timeout = '50ms'; LOCK TABLE ONLY usage_records IN ACCESS EXCLUSIVE MODE"
    impatient = {"lock_usage_records": statement}
    monkeypatch.setattr("etl.database.prune.named", lambda name: impatient.get(name) or named(name))
    with psycopg.connect(migrated_url) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM usage_records")
        with pytest.raises(DatabaseError, match="usage_records_2025_10 was not pruned because a long query"):
            pruned(database)
    assert len(pruned(database)) == 3


def test_segments_of_which_the_months_are_not_known_keep_all(
    database: psycopg.Connection, loaded: SegmentWriter
) -> None:
    """As the migration leaves the segments that were loaded before it."""
    archived(database, 1, 2)
    database.execute(
        "UPDATE etl_segments SET first_hour = '0001-01-01', last_hour = '9999-12-31 23:00' WHERE number = 3"
    )
    assert [dropped for *_, dropped in pruned(database)] == [False] * 3
    archived(database, 3)
    assert [dropped for *_, dropped in pruned(database)] == [True] * 3
