"""The rollup cache saves work, and never hides that a segment was changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from relayctl.reports.buckets import buckets
from relayctl.reports.query import Answer, ReportQuery
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources import segments
from relayctl.sources.file_metadata import FileMetadata
from relayctl.sources.logs import LogSource
from relayctl.sources.rollup_cache import RollupCache, cache_directory
from relayctl.sources.statements import database
from tests.support.report_data import FIRST, changed, record, write_segment

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def directories(tmp_path: Path) -> tuple[Path, Path]:
    """A log directory with two segments, of one hour and of the fifth day; and a cache."""
    logs, cache = tmp_path / "logs", tmp_path / "cache"
    logs.mkdir()
    write_segment(logs, [record(1)])
    write_segment(logs, [record(100), record(101)], number=2)
    return logs, cache


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the segments whose seals were verified."""
    names: list[str] = []
    verify = segments.verified_seal

    def noted(path: Path) -> object:
        names.append(path.name)
        return verify(path)

    monkeypatch.setattr(segments, "verified_seal", noted)
    return names


def ask(logs: Path, cache: Path | None, *, since: datetime = FIRST, until: datetime = NOW) -> Answer:
    period = Period(since=since, until=until, zone=zone_named("UTC"))
    query = ReportQuery(period=period, buckets=buckets(period, "total"), group_by=("user",))
    return LogSource(directory=logs, now=lambda: NOW, cache=cache).answer(query)


def cached(logs: Path, cache: Path) -> dict[str, FileMetadata]:
    with database() as connection:
        return RollupCache(connection, "logs_cache", logs, cache).files


def requests(found: Answer) -> dict[str, int]:
    return {row.names[0] or "": row.measures.requests for row in found.rows}


def test_segment_is_verified_once(directories: tuple[Path, Path], verified: list[str]) -> None:
    assert requests(ask(*directories)) == {"ada": 3}
    assert requests(ask(*directories)) == {"ada": 3}
    write_segment(directories[0], [record(3)], number=3)
    assert requests(ask(*directories)) == {"ada": 4}
    assert [name[-8:-6] for name in sorted(verified)] == ["01", "02", "03"]


def test_without_a_cache_every_report_verifies(directories: tuple[Path, Path], verified: list[str]) -> None:
    for _ in range(2):
        assert requests(ask(directories[0], None)) == {"ada": 3}
    assert len(verified) == 4


def _rewritten(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"ada"', b'"eve"'))


def _rewritten_with_old_times(path: Path) -> None:
    before = path.stat()
    _rewritten(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes().replace(b'"ada"', b'"eve"'))
    other.rename(path)


@pytest.mark.parametrize("change", [_rewritten, _rewritten_with_old_times, _replaced])
def test_change_after_verification_is_noticed(
    directories: tuple[Path, Path], change: Callable[[Path], None]
) -> None:
    assert ask(*directories).notes == ()
    change(next(directories[0].glob("*-000001.jsonl")))
    found = ask(*directories)
    assert requests(found) == {"ada": 2, "eve": 1}
    assert "counted as found, not as sealed" in found.notes[0]


def test_segment_outside_the_period_is_not_read(directories: tuple[Path, Path]) -> None:
    ask(*directories)
    known = cached(*directories).get(next(directories[0].glob("*-000002.jsonl")).name)
    first, last = record(100).created_at, record(101).created_at
    assert known is not None
    assert known.times is not None
    assert (known.times.first, known.times.last) == (first, last)
    for since, until, may in (
        (last, NOW, True),
        (last + timedelta(microseconds=1), NOW, False),
        (FIRST, first, False),
        (FIRST, first + timedelta(microseconds=1), True),
    ):
        assert known.may_contain(since, until) is may
        assert requests(ask(*directories, since=since, until=until)).get("ada", 0) == may + (since == FIRST)


def test_rejected_lines_are_reported_every_time(directories: tuple[Path, Path]) -> None:
    write_segment(directories[0], [record(5), b"no record\n", changed("}", latency_ms="7.5")], number=3)
    first = ask(*directories)
    assert first.notes
    assert ask(*directories) == first


@pytest.mark.parametrize("data", [b"", b"{", b"\xff" * 5000, "half", "middle"])
def test_damaged_cache_is_made_again(directories: tuple[Path, Path], data: bytes | str) -> None:
    ask(*directories)
    known = cached(*directories)
    (file,) = directories[1].glob("rollups/*.duckdb")
    whole = file.read_bytes()
    if data == "half":
        data = whole[: len(whole) // 2]
    if data == "middle":
        data = whole[:12288] + bytes(len(whole) - 12288)
    assert isinstance(data, bytes)
    file.write_bytes(data)
    for _ in range(2):
        assert requests(ask(*directories)) == {"ada": 3}
    assert cached(*directories).keys() == known.keys()


@pytest.mark.parametrize("column", ["format = 'another version'", "format = NULL"])
def test_cache_of_another_format_is_made_again(directories: tuple[Path, Path], column: str) -> None:
    ask(*directories)
    (file,) = directories[1].glob("rollups/*.duckdb")
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"UPDATE properties SET {column}")
        connection.execute("UPDATE hourly SET requests = 7")
    assert requests(ask(*directories)) == {"ada": 3}
    assert cached(*directories)


def test_cache_that_cannot_be_written_is_done_without(directories: tuple[Path, Path]) -> None:
    directories[1].write_text("a file where a directory should be")
    assert requests(ask(*directories)) == {"ada": 3}


@pytest.mark.parametrize("read_only", [True, False])
def test_cache_that_is_locked_is_done_without(directories: tuple[Path, Path], *, read_only: bool) -> None:
    ask(*directories)
    (file,) = directories[1].glob("rollups/*.duckdb")
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'True')\n"
        "print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file), str(read_only)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert requests(ask(*directories)) == {"ada": 3}
        write_segment(directories[0], [record(3)], number=3)
        assert requests(ask(*directories)) == {"ada": 4}
        other.communicate(b"\n")
    assert len(cached(*directories)) == 2
    assert requests(ask(*directories)) == {"ada": 4}
    assert len(cached(*directories)) == 3


def test_changed_segment_is_noticed_while_the_cache_is_in_use(directories: tuple[Path, Path]) -> None:
    ask(*directories)
    with database() as connection:
        assert RollupCache(connection, "logs_cache", *directories).files
        _rewritten(next(directories[0].glob("*-000001.jsonl")))
        assert requests(ask(*directories)) == {"ada": 2, "eve": 1}


def test_interrupted_update_is_completed_by_the_next_report(
    directories: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: RollupCache) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RollupCache, "_check_duplicates", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ask(*directories)
    assert {one.has_rollups for one in cached(*directories).values()} == {False}
    assert requests(ask(*directories)) == {"ada": 3}
    assert {one.has_rollups for one in cached(*directories).values()} == {True}


def test_cache_is_readable_by_its_owner_only(directories: tuple[Path, Path]) -> None:
    directories[1].mkdir(mode=0o755)
    ask(*directories)
    (file,) = directories[1].glob("rollups/*.duckdb")
    assert file.parent.stat().st_mode & 0o077 == 0


def test_caches_of_earlier_versions_are_removed(directories: tuple[Path, Path]) -> None:
    old, other = directories[1] / f"facts-{'0' * 32}", directories[1] / "facts-of-life"
    for folder in (old, other):
        folder.mkdir(parents=True)
        (folder / "facts.json").write_text("{}")
    assert requests(ask(*directories)) == {"ada": 3}
    assert not old.exists()
    assert other.exists()


def test_cache_is_in_the_cache_directory_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_directory() == Path("/somewhere/relay")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_directory() == Path("/home/ada/.cache/relay")
