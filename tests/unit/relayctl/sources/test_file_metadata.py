"""What is kept about segments: it saves work, and never hides that a segment was changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relayctl.reports.buckets import buckets
from relayctl.reports.query import Answer, ReportQuery
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources import segments
from relayctl.sources.file_metadata import Facts, cache_directory
from relayctl.sources.logs import LogSource
from tests.support.report_data import FIRST, changed, record, write_segment

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A log directory with two segments, of one hour and of the fifth day; and a cache."""
    logs, cache = tmp_path / "logs", tmp_path / "cache"
    logs.mkdir()
    write_segment(logs, [record(1)])
    write_segment(logs, [record(100), record(101)], number=2)
    return logs, cache


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the segments whose seals were proved."""
    names: list[str] = []
    prove = segments.honest_seal

    def noted(path: Path) -> object:
        names.append(path.name)
        return prove(path)

    monkeypatch.setattr(segments, "honest_seal", noted)
    return names


def ask(logs: Path, cache: Path | None, *, since: datetime = FIRST, until: datetime = NOW) -> Answer:
    period = Period(since=since, until=until, zone=zone_named("UTC"))
    question = ReportQuery(period=period, buckets=buckets(period, "total"), group_by=("user",))
    return LogSource(directory=logs, now=lambda: NOW, cache=cache).answer(question)


def requests(found: Answer) -> dict[str, int]:
    return {row.names[0] or "": row.measures.requests for row in found.rows}


def test_a_segment_is_proved_once(places: tuple[Path, Path], proved: list[str]) -> None:
    assert requests(ask(*places)) == {"ada": 3}
    assert requests(ask(*places)) == {"ada": 3}
    write_segment(places[0], [record(3)], number=3)
    assert requests(ask(*places)) == {"ada": 4}
    assert [name[-8:-6] for name in sorted(proved)] == ["01", "02", "03"]


def test_without_a_cache_every_report_proves(places: tuple[Path, Path], proved: list[str]) -> None:
    for _ in range(2):
        assert requests(ask(places[0], None)) == {"ada": 3}
    assert len(proved) == 4


def _rewritten(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"ada"', b'"eve"'))


def _rewritten_in_secret(path: Path) -> None:
    before = path.stat()
    _rewritten(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes().replace(b'"ada"', b'"eve"'))
    other.rename(path)


@pytest.mark.parametrize("change", [_rewritten, _rewritten_in_secret, _replaced])
def test_a_change_after_the_proof_is_noticed(
    places: tuple[Path, Path], change: Callable[[Path], None]
) -> None:
    assert ask(*places).notes == ()
    change(next(places[0].glob("*-000001.jsonl")))
    found = ask(*places)
    assert requests(found) == {"ada": 2, "eve": 1}
    assert "counted as found, not as sealed" in found.notes[0]


def test_a_segment_outside_the_range_need_not_be_opened(places: tuple[Path, Path]) -> None:
    ask(*places)
    fact = Facts(*places).pieces.get(next(places[0].glob("*-000002.jsonl")).name)
    first, last = record(100).created_at, record(101).created_at
    assert fact is not None
    assert (fact.first, fact.last) == (first, last)
    for since, until, may in (
        (last, NOW, True),
        (last + timedelta(microseconds=1), NOW, False),
        (FIRST, first, False),
        (FIRST, first + timedelta(microseconds=1), True),
    ):
        assert fact.may_hold(since, until) is may
        assert requests(ask(*places, since=since, until=until)).get("ada", 0) == may + (since == FIRST)


def test_lines_that_do_not_count_are_told_every_time(places: tuple[Path, Path]) -> None:
    write_segment(places[0], [record(5), b"no record\n", changed("}", latency_ms="7.5")], number=3)
    first = ask(*places)
    assert first.notes
    assert ask(*places) == first


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"schema":"relay.facts/v9"}', b"[1]"])
def test_a_cache_that_makes_no_sense_is_made_anew(places: tuple[Path, Path], text: bytes) -> None:
    ask(*places)
    (file,) = places[1].glob("*/facts.json")
    good = Facts(*places)
    file.write_bytes(text)
    assert requests(ask(*places)) == {"ada": 3}
    assert Facts(*places).pieces == good.pieces


def test_a_cache_that_cannot_be_written_is_done_without(places: tuple[Path, Path]) -> None:
    places[1].write_text("a file where a directory should be")
    assert requests(ask(*places)) == {"ada": 3}


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_directory() == Path("/somewhere/relay")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_directory() == Path("/home/ada/.cache/relay")
