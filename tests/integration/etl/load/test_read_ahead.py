"""While the server finishes a segment the next is read already: nobody sees a difference but the clock."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from etl.database.connection import connect
from etl.errors import SegmentError
from etl.load import ledger
from etl.load import segment as load
from etl.load.loader import Loader
from etl.load.run import run
from etl.rollup import rollup
from tests.support.etl.segments import Intent, SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres


@pytest.fixture(params=[False, True], ids=["slow server", "fast server"], autouse=True)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that leaves the time to read as far as memory goes, and one that leaves none."""
    monkeypatch.setattr(load, "_has_response", lambda _: request.param)


def _read_ahead(loader: Loader) -> Path | None:
    return loader._prefetched.path if loader._prefetched else None


def _assert_whole(connection: psycopg.Connection, count: int) -> None:
    now = contents(connection)
    assert (now.records.total(), now.hours) == (count, now.recomputed_hours)


@pytest.mark.parametrize("most", [1, 2_000, load._MAX_PREFETCH_BYTES])
def test_what_is_read_ahead_is_loaded_once_with_its_intents_and_rejects(
    migrated_url: str,
    database: psycopg.Connection,
    writer: SegmentWriter,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setattr(load, "_MAX_PREFETCH_BYTES", most)
    # More rejects and hours than are held at once, in the part that is read ahead.
    monkeypatch.setattr(load, "_MAX_REJECTS", 3)
    monkeypatch.setattr(load, "_MAX_HOURS", 7)
    for start in range(0, 500, 100):
        begun = Intent(record=record(9000 + start))
        writer.segment(begun, *[b"junk\n"] * 5, *records(100, start=start), b"junk\n")
    result = run(migrated_url, writer.directory)
    assert (result.segments, result.loaded, result.rejected) == (5, 500, 30)
    _assert_whole(database, 500)
    assert database.execute("SELECT count(*) FROM etl_intents").fetchone() == (5,)
    assert database.execute("SELECT count(*) FROM etl_gaps WHERE kind = 'seal_mismatch'").fetchone() == (0,)


def test_a_segment_is_read_ahead_only_by_the_loader_that_has_it(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    paths = [writer.segment(*records(5, start=start)) for start in (0, 10, 20)]
    with connect(migrated_url) as connection, connect(migrated_url) as other:
        loader = Loader(connection)
        with other.transaction():
            assert ledger.claim(other, paths[1].name)
            assert loader.load(paths[0], paths[1:])
            assert _read_ahead(loader) == paths[2]
            assert loader.load(paths[1], paths[2:]) is None
        assert loader.load(paths[2])
        assert _read_ahead(loader) is None
        assert loader.load(paths[1])
    _assert_whole(database, 15)


def test_a_segment_that_another_loader_brought_meanwhile_is_not_loaded_again(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    paths = [writer.segment(*records(5, start=start)) for start in (0, 10)]
    with connect(migrated_url) as connection, connect(migrated_url) as other:
        loader = Loader(connection)
        assert loader.load(paths[0], paths[1:])
        assert Loader(other).load(paths[1])
        assert loader.load(paths[1]) is None
    _assert_whole(database, 10)


def test_what_is_wrong_with_a_segment_is_told_when_its_turn_comes(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, logs: Path
) -> None:
    path = writer.segment(*records(5))
    gone = logs / path.name.replace("000001", "000007")
    unnamed = logs / "usage-of-nobody.jsonl"
    with connect(migrated_url) as connection:
        loader = Loader(connection)
        assert loader.load(path, [gone])
        with pytest.raises(FileNotFoundError):
            loader.load(gone, [unnamed])
        with pytest.raises(SegmentError, match="does not have the name of a segment"):
            loader.load(unnamed)
    _assert_whole(database, 5)


def test_a_segment_read_ahead_survives_the_failure_of_the_one_before(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    paths = [writer.segment(*records(5, start=start)) for start in (0, 10)]
    mark = rollup.mark
    with connect(migrated_url) as connection, ExitStack() as after:
        patch = after.enter_context(pytest.MonkeyPatch.context())

        def fails_in_the_server(connection: psycopg.Connection, when: rollup.When) -> None:
            mark(connection, when)
            connection.execute("SELECT 1 / 0")

        patch.setattr(rollup, "mark", fails_in_the_server)
        loader = Loader(connection)
        with pytest.raises(psycopg.errors.DivisionByZero):
            loader.load(paths[0], paths[1:])
        patch.undo()
        _assert_whole(database, 0)
        assert loader.load(paths[1])
        assert loader.load(paths[0])
    _assert_whole(database, 10)


def test_duplicates_found_after_reading_ahead_are_counted(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    for start in (0, 50, 100):
        writer.segment(*records(100, start=start), record(start + 1))
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate, result.failed) == (200, 103, ())
    _assert_whole(database, 200)
