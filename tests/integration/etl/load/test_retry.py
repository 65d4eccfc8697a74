"""Rejected lines that are acceptable now are loaded once, with all that a first load would have done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from etl.load import status
from etl.load.rejects import list_rejects
from etl.load.retry import retry
from etl.load.run import run
from etl.load.staging import CONTRADICTION
from etl.segments.lines import read_line
from proxy.segments.lines import Line
from proxy.segments.record import RecordError
from tests.support.etl.segments import Intent, SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

Ledger = tuple[int, int, int, int, int]


@contextmanager
def refusing(refused: Callable[[bytes], bool]) -> Iterator[None]:
    """Code with a fault: it refuses lines that are good."""

    def faulty(data: bytes) -> Line:
        if refused(data):
            raise RecordError("the code does not know this yet")
        return read_line(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.segments.reader.read_line", faulty)
        yield


def ledger(connection: psycopg.Connection) -> list[Ledger]:
    """Lines, loaded, duplicate, rejected and retried of each segment."""
    return connection.execute(
        "SELECT lines, loaded, duplicate, rejected, retried FROM etl_segments ORDER BY name"
    ).fetchall()


def odd(data: bytes) -> bool:
    """Every record of model gpt-5: those with odd numbers."""
    return b'"model":"gpt-5"' in data


def test_after_a_fix_everything_is_as_if_the_fault_had_never_been(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(*records(20), b"junk\n")
    writer.segment(*records(20, start=30))
    with refusing(odd):
        run(migrated_url, writer.directory)
    assert ledger(database) == [(21, 10, 0, 11, 0), (20, 10, 0, 10, 0)]
    assert {gap.kind for gap in status.gaps(database)} == {"seal_mismatch"}

    result = retry(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate, result.others, result.failed) == (20, 0, 0, ())
    now = contents(database)
    assert ledger(database) == [(21, 20, 0, 1, 10), (20, 20, 0, 0, 10)]
    assert (now.records.total(), now.rejects.total()) == (40, 1)
    assert (now.hours, now.days) == (now.recomputed_hours, now.recomputed_days)
    assert status.gaps(database) == []


def test_what_is_still_wrong_stays_and_trying_twice_changes_nothing(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1), b"junk\n", b"x" * 600_000 + b"\n", record(3))
    with refusing(odd):
        run(migrated_url, writer.directory)
    retry(migrated_url, writer.directory)
    before = contents(database)
    assert ledger(database) == [(4, 2, 0, 2, 2)]
    result = retry(migrated_url, writer.directory)
    assert (result.accepted, result.failed) == (0, ())
    assert contents(database) == before


def test_a_record_that_came_meanwhile_is_a_duplicate_or_contradicts(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1), record(3), record(5), record(2))
    with refusing(odd):
        run(migrated_url, writer.directory)
    writer.segment(record(1), record(3, status=418))
    run(migrated_url, writer.directory)
    result = retry(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate) == (1, 1)
    assert ledger(database) == [(4, 2, 1, 1, 2), (2, 2, 0, 0, 0)]
    assert [(reject.line_number, reject.reason) for reject in list_rejects(database, 9)] == [
        (3, CONTRADICTION)
    ]
    now = contents(database)
    assert (now.records.total(), now.hours) == (4, now.recomputed_hours)


def test_a_contradiction_stays_rejected_when_what_it_contradicts_is_pruned(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1), record(1, status=418))
    run(migrated_url, writer.directory)
    database.execute("TRUNCATE usage_records")
    database.execute("UPDATE etl_state SET pruned_before = '2026-12-01T00:00:00Z'")
    assert retry(migrated_url, writer.directory).accepted == 0
    assert ledger(database) == [(2, 1, 0, 1, 0)]


def test_a_line_that_turns_out_to_be_no_record_is_no_longer_counted_as_one(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(Intent(record=record(1)), Intent(record=record(9)), record(1), record(2))
    with refusing(lambda data: b'"intent"' in data[:40] or b'"seal"' in data[:40]):
        run(migrated_url, writer.directory)
    assert ledger(database) == [(5, 2, 0, 3, 0)]
    result = retry(migrated_url, writer.directory)
    assert (result.loaded, result.others) == (0, 3)
    assert ledger(database) == [(2, 2, 0, 0, 3)]
    assert [gap.kind for gap in status.gaps(database)] == ["unended_intent"]


def test_a_record_of_a_month_without_a_partition_is_loaded(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1, created_at=datetime(2031, 5, 6, tzinfo=UTC)))
    with refusing(odd):
        run(migrated_url, writer.directory)
    assert retry(migrated_url, writer.directory).loaded == 1
    assert database.execute("SELECT tableoid::regclass::text FROM usage_records").fetchall() == [
        ("usage_records_2031_05",)
    ]


def test_more_rejects_than_fit_into_memory_are_tried_in_parts(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.load.retry._BATCH_LINES", 3)
    items = [item for one in records(40) for item in (Intent(record=one), one, b"junk\n")]
    writer.segment(*items, *(record(number, status=418) for number in range(1, 40)))
    with refusing(lambda data: b'"request"' in data[:40] or b'"intent"' in data[:40]):
        run(migrated_url, writer.directory)
    result = retry(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate, result.others) == (40, 0, 40)
    assert ledger(database) == [(119, 40, 0, 79, 80)]
    assert contents(database).hours == contents(database).recomputed_hours
    assert status.gaps(database) == []


def test_what_is_loaded_later_is_no_longer_all_in_the_archive(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1), record(2))
    writer.segment(b"junk\n")
    with refusing(odd):
        run(migrated_url, writer.directory)
    database.execute("UPDATE etl_segments SET archived_at = now(), archive = 'somewhere'")
    retry(migrated_url, writer.directory)
    rows = database.execute("SELECT archived_at IS NULL, archive FROM etl_segments ORDER BY name").fetchall()
    assert rows == [(True, None), (False, "somewhere")]


def test_a_segment_that_is_gone_or_another_is_told_and_holds_nobody_back(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    gone, changed, fine = (writer.segment(record(number)) for number in (1, 3, 5))
    with refusing(odd):
        run(migrated_url, writer.directory)
    gone.unlink()
    changed.write_bytes(changed.read_bytes().replace(b'"user-3"', b'"user-4"'))
    result = retry(migrated_url, writer.directory)
    assert (result.loaded, result.failed) == (
        1,
        (
            f"segment {gone} cannot be read: No such file or directory",
            f"segment {changed} is not the file that was loaded: its SHA-256 differs",
        ),
    )
    assert ledger(database) == [(1, 0, 0, 1, 0), (1, 0, 0, 1, 0), (1, 1, 0, 0, 1)]
    assert fine.exists()


def test_two_who_retry_at_once_load_each_line_once(
    migrated_url: str, database: psycopg.Connection, logs: Path
) -> None:
    writer = SegmentWriter(logs)
    for start in range(0, 200, 20):
        writer.segment(*records(20, start=start))
    with refusing(odd):
        run(migrated_url, logs)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: retry(migrated_url, logs), range(3)))
    assert (sum(one.loaded for one in results), sum(one.duplicate for one in results)) == (100, 0)
    now = contents(database)
    assert (now.records.total(), now.rejects.total(), now.hours) == (200, 0, now.recomputed_hours)


class _Died(BaseException):
    """Stands for the end of the process: nobody catches it."""


@pytest.mark.parametrize(
    "step",
    [
        "etl.load.ledger.insert_intents",
        "etl.load.staging.store",
        "etl.rollup.rollup.mark",
        "etl.load.retry._SegmentRetry._update_ledger",
    ],
)
def test_a_retry_that_ends_at_any_step_leaves_nothing_half(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, step: str
) -> None:
    writer.segment(*records(10), b"junk\n")
    with refusing(odd):
        run(migrated_url, writer.directory)
    before = contents(database)

    def die(*_: object, **__: object) -> None:
        raise _Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, die)
        with pytest.raises(_Died):
            retry(migrated_url, writer.directory)
    assert contents(database) == before
    assert retry(migrated_url, writer.directory).loaded == 5
