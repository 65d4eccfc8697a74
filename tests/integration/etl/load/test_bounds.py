"""Extreme values in one segment do not affect other segments, the refresh or the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from etl.database import partitions
from etl.load.run import run
from etl.rollup import rollup
from tests.support.etl.segments import SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

HUGE = {"prompt_tokens": 2**53, "completion_tokens": 0, "total_tokens": 2**53}


def test_day_sum_may_exceed_the_range_of_an_hour(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    for hour in range(3):
        moment = begin + timedelta(hours=hour)
        writer.segment(
            *(
                record(1, created_at=moment, request_id=f"req_{hour}_{number}", **HUGE)
                for number in range(1000)
            )
        )
    result = run(migrated_url, writer.directory)
    assert (result.failed, result.refreshed, result.waiting) == ((), True, 0)
    total = 3000 * 2**53
    assert total > 2**63
    rows = database.execute("SELECT prompt_tokens, total_tokens FROM usage_daily").fetchall()
    assert rows == [(total, total)]


def test_overflowing_hour_fails_only_its_segment(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    for part, number_of in enumerate((800, 800, 1600)):
        writer.segment(*(record(1, request_id=f"req_{part}_{number}", **HUGE) for number in range(number_of)))
    writer.segment(*records(3, start=10))
    result = run(migrated_url, writer.directory)
    # The sum of the first two exceeds the range of a part too, so they stay in two parts.
    assert (result.loaded, result.waiting, result.refreshed) == (1603, 1, True)
    assert result.failed[0].endswith("is out of range for type bigint")
    now = contents(database)
    assert (now.hours, now.days) == (now.recomputed_hours, now.recomputed_days)


def test_segment_of_thousands_of_months_takes_few_locks(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [datetime(year, month, 3, tzinfo=UTC) for year in range(1900, 2400) for month in range(1, 13)]
    writer.segment(*(record(number, created_at=time) for number, time in enumerate(times)))
    locks: list[int] = []
    mark = rollup.mark

    def counted(connection: psycopg.Connection, times: rollup.LoadedTimes) -> None:
        mark(connection, times)
        row = database.execute(
            "SELECT count(*) FROM pg_locks WHERE pid = %s", (connection.info.backend_pid,)
        ).fetchone()
        assert row
        locks.append(row[0])

    monkeypatch.setattr(rollup, "mark", counted)
    result = run(migrated_url, writer.directory)
    assert (result.failed, result.loaded) == ((), 6000)
    assert len(partitions.list_partitions(database)) == 30 * 12 + 2
    # A server with default settings allows at least 6,400 locks.
    assert 362 <= max(locks) < 1000
    now = contents(database)
    assert (now.hours, now.days) == (now.recomputed_hours, now.recomputed_days)


def test_current_and_next_partition_are_created_in_advance(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    before = datetime.now(UTC)
    run(migrated_url, writer.directory)
    expected = partitions.current_and_next(before) | partitions.current_and_next(datetime.now(UTC))
    made = {(one.since.year, one.since.month) for one in partitions.list_partitions(database) if one.since}
    assert partitions.current_and_next(before) <= made <= expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), {(2026, 11), (2026, 12)}),
        (datetime(2026, 12, 1, tzinfo=UTC), {(2026, 12), (2027, 1)}),
    ],
)
def test_current_and_next_month(moment: datetime, expected: set[partitions.Month]) -> None:
    assert partitions.current_and_next(moment) == expected
