"""A loader killed at any step leaves no partial segment, and the next run completes the load."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from etl.database.connection import connect
from etl.errors import DatabaseError
from etl.load import ledger, rejects, staging
from etl.load import segment as load
from etl.load.run import run
from etl.rollup import rollup
from tests.support.etl.segments import Intent, SegmentWriter, record, records
from tests.support.etl.state import contents

# Every step of the transaction that loads a segment; the staging steps need a segment with duplicates.
STEPS = [
    (ledger, "claim"),
    (load, "to_row"),
    (rollup.Hours, "flush"),
    (rejects, "save"),
    (load.SegmentLoad, "_send_intents"),
    (staging, "store"),
    (staging, "contradictions"),
    (rollup, "mark"),
    (ledger, "insert_segment"),
]


class _Died(BaseException):
    """Simulates the end of the process; no code catches it."""


def _dying(step: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def die(*arguments: Any, **named: Any) -> Any:
        if after:
            step(*arguments, **named)
        raise _Died

    return die


def _write(writer: SegmentWriter) -> None:
    writer.segment(Intent(record=record(900)), *records(30), b"junk\n")
    writer.segment(*records(30, start=20), b"junk\n", record(3, status=418))


def _assert_complete(connection: psycopg.Connection) -> None:
    """Every segment with a ledger row is stored completely, and nothing else is stored."""
    now = contents(connection)
    accounted = connection.execute(
        "SELECT COALESCE(sum(loaded), 0), COALESCE(sum(rejected), 0) FROM etl_segments"
    )
    assert accounted.fetchone() == (now.records.total(), now.rejects.total())
    assert now.hours == now.recomputed_hours


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0].__name__}.{step[1]}")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_interrupted_load_is_rolled_back(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, step: tuple[Any, str], after: bool
) -> None:
    """Invariant 3: one segment, one transaction, one ledger row."""
    _write(writer)
    owner, name = step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, _dying(getattr(owner, name), after=after))
        with pytest.raises(_Died):
            run(migrated_url, writer.directory)
    _assert_complete(database)
    result = run(migrated_url, writer.directory)
    assert result.waiting == 0
    now = contents(database)
    assert (now.records.total(), now.rejects.total(), now.ledger.total()) == (49, 3, 2)
    assert (now.hours, now.days) == (now.recomputed_hours, now.recomputed_days)


def _die_in_the_fifth_segment(url: str, directory: Path) -> None:
    """Runs in a child process, which is killed after it has sent the records of its fifth segment."""
    mark, calls = rollup.mark, itertools.count(1)

    def mark_or_die(connection: psycopg.Connection, times: rollup.LoadedTimes) -> None:
        if next(calls) == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        mark(connection, times)

    rollup.mark = mark_or_die
    run(url, directory)


def test_killed_process_leaves_whole_segments_and_no_lock(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    for start in range(0, 2000, 200):
        writer.segment(*records(200, start=start))
    process = multiprocessing.get_context("spawn").Process(
        target=_die_in_the_fifth_segment, args=(migrated_url, writer.directory)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    _assert_complete(database)
    assert contents(database).ledger.total() == 4
    result = run(migrated_url, writer.directory)
    # PostgreSQL may notice the end of the connection late; until then one segment stays locked.
    while result.waiting:
        result = run(migrated_url, writer.directory)
    now = contents(database)
    assert (now.records.total(), now.ledger.total()) == (2000, 10)
    assert (now.hours, now.days) == (now.recomputed_hours, now.recomputed_days)


def test_closed_connection_is_reported_and_loses_nothing(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    for start in range(0, 1000, 100):
        writer.segment(*records(100, start=start))

    def terminate(done: int, _total: int) -> None:
        if done == 3:
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )

    with pytest.raises(DatabaseError, match=r"failed: .*segments that were not loaded remain in"):
        run(migrated_url, writer.directory, progress=terminate)
    _assert_complete(database)
    assert run(migrated_url, writer.directory).waiting == 0
    with connect(migrated_url) as connection:
        assert contents(connection).records.total() == 1000
