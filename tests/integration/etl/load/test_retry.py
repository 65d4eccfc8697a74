"""Retrying loads rejected lines that are acceptable now, once and with the effects of a first load."""

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
    """Simulates a fault in the code that refuses valid lines."""

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


def test_retry_after_a_fix_equals_a_first_load(
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


def test_retry_keeps_invalid_lines_and_is_repeatable(
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


def test_record_loaded_meanwhile_is_duplicate_or_contradiction(
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


def test_contradiction_stays_rejected_after_pruning(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1), record(1, status=418))
    run(migrated_url, writer.directory)
    database.execute("TRUNCATE usage_records")
    database.execute("UPDATE etl_state SET pruned_before = '2026-12-01T00:00:00Z'")
    assert retry(migrated_url, writer.directory).accepted == 0
    assert ledger(database) == [(2, 1, 0, 1, 0)]


def test_line_that_is_not_a_record_is_no_longer_counted(
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


def test_retry_creates_a_missing_partition(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1, created_at=datetime(2031, 5, 6, tzinfo=UTC)))
    with refusing(odd):
        run(migrated_url, writer.directory)
    assert retry(migrated_url, writer.directory).loaded == 1
    assert database.execute("SELECT tableoid::regclass::text FROM usage_records").fetchall() == [
        ("usage_records_2031_05",)
    ]


def test_many_rejects_are_retried_in_batches(
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


def test_segment_with_retried_records_is_no_longer_archived(
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


def test_missing_or_changed_segment_fails_alone(
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


def test_concurrent_retries_load_each_line_once(
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
    """Simulates the end of the process; no code catches it."""


@pytest.mark.parametrize(
    "step",
    [
        "etl.load.ledger.insert_intents",
        "etl.load.staging.store",
        "etl.rollup.rollup.mark",
        "etl.load.retry._SegmentRetry._update_ledger",
    ],
)
def test_interrupted_retry_is_rolled_back(
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
