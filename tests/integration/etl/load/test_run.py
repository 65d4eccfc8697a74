"""A run from outside: what it reports, what it says when it cannot, and how it goes on for ever."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest

from etl.database.connection import connect
from etl.errors import DatabaseError, EtlError, SchemaError, SegmentError
from etl.load import ledger, status
from etl.load.run import RunResult, run, run_every
from tests.support.etl.segments import SegmentWriter, records


def test_a_database_that_is_down_is_told_in_one_sentence_and_nothing_is_lost(
    migrated_url: str, writer: SegmentWriter, tmp_path: Path
) -> None:
    """Invariant 1: disk before database."""
    writer.segment(*records(3))
    with pytest.raises(DatabaseError) as caught:
        run(f"postgresql://ada:hunter2@/relay?host={tmp_path}&port=6543", writer.directory)
    assert str(caught.value) == (
        f"PostgreSQL at {tmp_path}:6543/relay cannot be reached: no such file or directory; "
        f"nothing was loaded, the segments remain in {writer.directory}"
    )
    assert run(migrated_url, writer.directory).loaded == 3


def test_a_database_without_the_schema_is_told_what_to_run(database_url: str, logs: Path) -> None:
    with pytest.raises(SchemaError, match="run `relayctl etl migrate`"):
        run(database_url, logs)


def test_a_log_directory_that_is_not_there_is_told(migrated_url: str, tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match="none cannot be read: No such file or directory"):
        run(migrated_url, tmp_path / "none")


def test_progress_is_told_after_each_segment(migrated_url: str, writer: SegmentWriter) -> None:
    for start in range(3):
        writer.segment(*records(1, start=start))
    seen: list[tuple[int, int]] = []
    run(migrated_url, writer.directory, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_run_that_is_stopped_ends_after_the_segment_at_hand(
    migrated_url: str, writer: SegmentWriter
) -> None:
    for start in range(3):
        writer.segment(*records(1, start=start))
    stop = threading.Event()
    result = run(migrated_url, writer.directory, stop=stop, progress=lambda *_: stop.set())
    assert (result.segments, result.waiting, result.as_of) == (1, 2, None)


def test_as_of_is_the_moment_of_the_listing_after_which_all_was_loaded(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    assert status.as_of(database) is None
    before = datetime.now(UTC)
    first = run(migrated_url, writer.directory).as_of
    assert first
    assert before <= first <= datetime.now(UTC)
    gone = writer.segment(*records(3))
    gone.unlink()
    gone.mkdir()
    assert run(migrated_url, writer.directory).as_of == first
    gone.rmdir()
    assert (run(migrated_url, writer.directory).as_of or first) > first


def test_as_of_never_goes_back_except_from_a_clock_that_was_wrong(database: psycopg.Connection) -> None:
    now = datetime.now(UTC)
    for moment, expected in [
        (now - timedelta(hours=1), now - timedelta(hours=1)),
        (now - timedelta(hours=2), now - timedelta(hours=1)),
        (now - timedelta(minutes=1), now - timedelta(minutes=1)),
    ]:
        ledger.set_as_of(database, moment)
        assert status.as_of(database) == expected
    database.execute("UPDATE etl_state SET as_of = now() + interval '1 year'")
    ledger.set_as_of(database, now)
    assert status.as_of(database) == now


def test_the_status_tells_what_is_loaded_and_what_waits(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(*records(5), b"junk\n")
    writer.segment(*records(2))
    run(migrated_url, writer.directory)
    waiting = [writer.segment(*records(3, start=50)), writer.segment(*records(3, start=60))]
    os.utime(waiting[1], (0, 1_700_000_000))
    seen = status.read(database, writer.directory)
    assert (seen.segments, seen.lines, seen.loaded, seen.duplicate, seen.rejected) == (2, 8, 5, 2, 1)
    assert (seen.rejects, seen.gaps, seen.problem, seen.unrefreshed) == (1, (), True, 0)
    assert (seen.waiting, seen.oldest_waiting) == (2, datetime.fromtimestamp(1_700_000_000, UTC))
    assert seen.as_of
    assert seen.last_loaded_at
    assert seen.refreshed_at


def test_the_status_of_an_empty_database_is_no_problem(database: psycopg.Connection) -> None:
    seen = status.read(database, None)
    assert (seen.as_of, seen.segments, seen.loaded, seen.waiting, seen.problem) == (None, 0, 0, None, False)


def test_the_status_of_a_database_without_the_schema_is_told_what_to_run(database_url: str) -> None:
    with connect(database_url) as connection, pytest.raises(SchemaError, match="run `relayctl etl migrate`"):
        status.read(connection, None)


def test_running_for_ever_survives_a_database_that_is_down(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(*records(3))
    name = database.info.dbname
    database.execute("ALTER TABLE etl_segments RENAME TO elsewhere")
    stop, reports = threading.Event(), list[RunResult | EtlError]()

    def report(outcome: RunResult | EtlError) -> None:
        reports.append(outcome)
        if isinstance(outcome, RunResult):
            stop.set()
        else:
            database.execute("ALTER TABLE elsewhere RENAME TO etl_segments")

    run_every(migrated_url, writer.directory, 0.01, report, stop=stop)
    failed, done = reports
    assert isinstance(failed, SchemaError)
    assert name in str(failed)
    assert isinstance(done, RunResult)
    assert done.loaded == 3


def _every(url: str, directory: Path, pipe: Connection) -> None:
    run_every(url, directory, 3600, lambda outcome: pipe.send(repr(outcome)))
    pipe.send("ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_for_ever_ends_cleanly_on_a_signal(
    migrated_url: str, writer: SegmentWriter, number: signal.Signals
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_every, args=(migrated_url, writer.directory, theirs))
    process.start()
    assert ours.recv().startswith("RunResult(")
    assert process.pid
    os.kill(process.pid, number)
    assert ours.poll(30)
    assert ours.recv() == "ended"
    process.join(30)
    assert process.exitcode == 0
