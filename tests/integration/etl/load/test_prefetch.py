"""The loader prefetches the next segment while the server finishes one; the result is the same."""

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
    """A slow server leaves time to prefetch up to the limit, a fast one leaves none."""
    monkeypatch.setattr(load, "_has_response", lambda _: request.param)


def _prefetched_path(loader: Loader) -> Path | None:
    return loader._prefetched.path if loader._prefetched else None


def _assert_complete(connection: psycopg.Connection, count: int) -> None:
    now = contents(connection)
    assert (now.records.total(), now.hours) == (count, now.recomputed_hours)


@pytest.mark.parametrize("most", [1, 2_000, load._MAX_PREFETCH_BYTES])
def test_prefetched_segment_is_loaded_once_completely(
    migrated_url: str,
    database: psycopg.Connection,
    writer: SegmentWriter,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setattr(load, "_MAX_PREFETCH_BYTES", most)
    # The prefetched part has more rejects and hours than the buffers hold.
    monkeypatch.setattr(load, "_MAX_REJECTS", 3)
    monkeypatch.setattr(load, "_MAX_HOURS", 7)
    for start in range(0, 500, 100):
        begun = Intent(record=record(9000 + start))
        writer.segment(begun, *[b"junk\n"] * 5, *records(100, start=start), b"junk\n")
    result = run(migrated_url, writer.directory)
    assert (result.segments, result.loaded, result.rejected) == (5, 500, 30)
    _assert_complete(database, 500)
    assert database.execute("SELECT count(*) FROM etl_intents").fetchone() == (5,)
    assert database.execute("SELECT count(*) FROM etl_gaps WHERE kind = 'seal_mismatch'").fetchone() == (0,)


def test_segment_is_prefetched_only_by_its_claimant(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    paths = [writer.segment(*records(5, start=start)) for start in (0, 10, 20)]
    with connect(migrated_url) as connection, connect(migrated_url) as other:
        loader = Loader(connection)
        with other.transaction():
            assert ledger.claim(other, paths[1].name)
            assert loader.load(paths[0], paths[1:])
            assert _prefetched_path(loader) == paths[2]
            assert loader.load(paths[1], paths[2:]) is None
        assert loader.load(paths[2])
        assert _prefetched_path(loader) is None
        assert loader.load(paths[1])
    _assert_complete(database, 15)


def test_prefetched_segment_loaded_by_another_is_skipped(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    paths = [writer.segment(*records(5, start=start)) for start in (0, 10)]
    with connect(migrated_url) as connection, connect(migrated_url) as other:
        loader = Loader(connection)
        assert loader.load(paths[0], paths[1:])
        assert Loader(other).load(paths[1])
        assert loader.load(paths[1]) is None
    _assert_complete(database, 10)


def test_prefetch_error_is_raised_on_load(
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
    _assert_complete(database, 5)


def test_prefetched_segment_survives_a_failed_load(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    paths = [writer.segment(*records(5, start=start)) for start in (0, 10)]
    mark = rollup.mark
    with connect(migrated_url) as connection, ExitStack() as after:
        patch = after.enter_context(pytest.MonkeyPatch.context())

        def fails_in_the_server(connection: psycopg.Connection, times: rollup.LoadedTimes) -> None:
            mark(connection, times)
            connection.execute("SELECT 1 / 0")

        patch.setattr(rollup, "mark", fails_in_the_server)
        loader = Loader(connection)
        with pytest.raises(psycopg.errors.DivisionByZero):
            loader.load(paths[0], paths[1:])
        patch.undo()
        _assert_complete(database, 0)
        assert loader.load(paths[1])
        assert loader.load(paths[0])
    _assert_complete(database, 10)


def test_duplicates_in_a_prefetched_segment_are_counted(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    for start in (0, 50, 100):
        writer.segment(*records(100, start=start), record(start + 1))
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate, result.failed) == (200, 103, ())
    _assert_complete(database, 200)
