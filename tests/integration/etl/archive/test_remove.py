"""A local segment goes only when it is old, proved to be in the archive, and loaded."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from etl.archive.run import archive
from etl.load.run import run
from tests.support.archive_data import NOW, age, four_segments, report
from tests.support.report_data import record, write_segment

MONTH = timedelta(days=30)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    four_segments(tmp_path / "logs")
    return tmp_path / "logs"


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "to"


def test_old_segments_go_once_the_archive_has_them(logs: Path, to: Path) -> None:
    before = report(logs)
    age(logs)
    write_segment(logs, [record(99)], number=9)
    os.utime(logs / sorted(path.name for path in logs.iterdir())[-1], (NOW.timestamp(),) * 2)
    whole = report(logs)
    result = archive(logs, str(to), older_than=MONTH, now=NOW)
    assert (result.removed, result.retained) == (4, [])
    assert len(list(logs.iterdir())) == 1
    assert report(logs, str(to)) == whole != before


def test_without_older_than_nothing_is_removed(logs: Path, to: Path) -> None:
    age(logs)
    assert archive(logs, str(to), now=NOW).removed == 0
    assert len(list(logs.iterdir())) == 4


@pytest.mark.parametrize("folder", ["day=*", "segments"])
def test_nothing_is_removed_that_the_archive_does_not_give_back(logs: Path, to: Path, folder: str) -> None:
    archive(logs, str(to))
    age(logs)
    file = next(to.glob(f"{folder}/*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    result = archive(logs, str(to), older_than=MONTH, now=NOW)
    assert result.removed == 0
    assert len(result.retained) == len(list(logs.iterdir())) == 4


def test_a_segment_that_was_changed_since_is_kept(logs: Path, to: Path) -> None:
    archive(logs, str(to))
    path = sorted(logs.iterdir())[0]
    path.write_bytes(path.read_bytes().replace(b'"ada"', b'"eve"') + b" ")
    age(logs)
    result = archive(logs, str(to), older_than=MONTH, now=NOW)
    assert result.removed == 3
    assert list(logs.iterdir()) == [path]
    assert result.retained == [f"{path.name} is kept: it differs from the segment in the archive"]


def test_a_segment_that_contradicts_its_seal_is_archived_and_kept(logs: Path, to: Path) -> None:
    path = sorted(logs.iterdir())[0]
    path.write_bytes(path.read_bytes().replace(b'"search"', b'"hidden"'))
    age(logs)
    result = archive(logs, str(to), older_than=MONTH, now=NOW)
    assert (result.segments, result.removed) == (4, 3)
    assert "the seal says sha256" in result.retained[0]


def test_the_ledger_is_told_and_only_loaded_segments_go(
    logs: Path, to: Path, migrated_url: str, database: psycopg.Connection
) -> None:
    age(logs)
    late = write_segment(logs, [record(99)], number=9)
    hidden = late.rename(logs.parent / late.name)
    run(migrated_url, logs)
    hidden.rename(late)
    age(logs)
    result = archive(logs, str(to), older_than=MONTH, database_url=migrated_url, now=NOW)
    assert (result.segments, result.removed) == (5, 4)
    reason = "it is not loaded into the database, or was loaded with other content"
    assert result.retained == [f"{late.name} is kept: {reason}"]
    rows = database.execute("SELECT archive, archived_at IS NOT NULL FROM etl_segments").fetchall()
    assert rows == [(str(to), True)] * 4
    run(migrated_url, logs)
    assert archive(logs, str(to), older_than=MONTH, database_url=migrated_url, now=NOW).removed == 1


def test_segments_loaded_after_they_were_archived_are_marked_by_the_next_run(
    logs: Path, to: Path, migrated_url: str, database: psycopg.Connection
) -> None:
    archive(logs, str(to), database_url=migrated_url)
    run(migrated_url, logs)
    archive(logs, str(to), database_url=migrated_url)
    marked = database.execute("SELECT count(*) FROM etl_segments WHERE archived_at IS NOT NULL").fetchone()
    assert marked == (4,)
