"""Sums that were kept tell what the records tell, to the last digit, whatever comes, goes or changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.archive.store import open_store
from proxy.segments.lines import SegmentName
from proxy.segments.record import UsageRecord
from relayctl.reports.buckets import buckets
from relayctl.reports.query import Filters, ReportQuery
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources import loading
from relayctl.sources.logs import LogSource
from relayctl.sources.segments import Findings
from tests.support.archive_data import archived
from tests.support.report_data import FIRST, MODELS, TEAMS, USERS, record, write_segment

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ALWAYS = Period(since=FIRST - timedelta(days=3), until=NOW, zone=zone_named("UTC"))
SOME = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def _numbered(number: int) -> UsageRecord:
    """Two hundred records over five days; what they used follows from their number."""
    return record(
        number,
        created_at=FIRST + timedelta(minutes=37 * number),
        user_id=USERS[number % 3],
        team_id=TEAMS[number % 2],
        model=MODELS[number % 3],
        status=500 if number % 7 == 0 else 200,
        cost_usd=None if number % 5 == 0 else Decimal(number) / 10**9,
        latency_ms=Decimal(number * 7919 % 1000) / 8,
        ttft_ms=Decimal(number) if number % 2 else None,
        usage_source="estimated" if number % 11 == 0 else "provider",
    )


NUMBERS = st.integers(1, 200)
RUNS = st.builds(lambda first, count: list(range(first, first + count)), NUMBERS, st.integers(0, 40))
SEGMENTS = RUNS | st.lists(NUMBERS, max_size=12)
MOMENTS = st.builds(lambda hours: FIRST + timedelta(hours=hours), st.integers(-3, 140)) | st.builds(
    lambda number, late: FIRST + timedelta(minutes=37 * number, microseconds=late),
    NUMBERS,
    st.integers(-1, 1),
)
QUESTIONS = st.builds(
    lambda one, other, tz, granularity, group_by, users: ReportQuery(
        period=(period := Period(since=min(one, other), until=max(one, other), zone=zone_named(tz))),
        buckets=buckets(period, granularity),
        group_by=tuple(group_by),
        filters=Filters({"user": tuple(users)}),
    ),
    MOMENTS,
    MOMENTS,
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
    st.sampled_from(["hour", "day", "week", "total"]),
    st.sampled_from([(), ("user",), ("team", "model"), ("user", "team", "model")]),
    st.lists(st.sampled_from(USERS[:3]), max_size=1),
)


def _altered(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"prompt_tokens":10,', b'"prompt_tokens":11,') + b"{\n")


CHANGES: dict[str, Callable[[Path], None]] = {
    "nothing": lambda _: None,
    "removed": Path.unlink,
    "altered": _altered,
    "copied": lambda path: _written_as(Path(shutil.copy(path, path.with_suffix(".copy"))), 9),
}
STEPS = st.tuples(SEGMENTS, st.integers(0, 2), st.sampled_from(list(CHANGES)), QUESTIONS)


def _written_as(path: Path, number: int, days: int = 0) -> None:
    """Gives a segment the name of one that was begun on another day."""
    path.rename(
        path.with_name(str(SegmentName(started_at=FIRST + timedelta(days=days), writer="w1", number=number)))
    )


def told(source: LogSource, question: ReportQuery) -> Any:
    """All that a source says: of the question, of its first half, and how long requests took."""
    period = question.period
    half = replace(period, until=period.since + (period.until - period.since) / 2)
    with source.opened(question) as records:
        answers = [
            records.answer(question),
            records.answer(replace(question, period=half, buckets=buckets(half, "day"))),
        ]
        latencies = records.latencies(question)
    rows = [sorted(answer.rows, key=lambda row: (row.bucket, row.names)) for answer in answers]
    return [[asdict(row) for row in found] for found in rows], answers[0].notes, latencies


@SOME
@given(steps=st.lists(STEPS, min_size=1, max_size=4))
def test_kept_sums_tell_what_the_records_tell(steps: list[tuple[list[int], int, str, ReportQuery]]) -> None:
    with TemporaryDirectory() as folder:
        logs, cache = Path(folder) / "logs", Path(folder) / "cache"
        logs.mkdir()
        for number, (numbers, days, change, question) in enumerate(steps, start=1):
            if there := sorted(logs.glob("*.jsonl")):
                CHANGES[change](there[0])
            _written_as(write_segment(logs, [*map(_numbered, numbers)], number=number), number, days)
            kept = LogSource(directory=logs, now=lambda: NOW, cache=cache)
            assert told(kept, question) == told(replace(kept, cache=None), question)


@SOME
@given(
    segments=st.lists(st.tuples(SEGMENTS, st.sampled_from(["logs", "archive", "both"])), max_size=4),
    questions=st.lists(QUESTIONS, min_size=2, max_size=3),
)
def test_kept_sums_of_an_archive_tell_what_its_records_tell(
    segments: list[tuple[list[int], str]], questions: list[ReportQuery]
) -> None:
    with TemporaryDirectory() as folder:
        logs, sealed, to = (Path(folder) / name for name in ("logs", "sealed", "to"))
        logs.mkdir()
        sealed.mkdir()
        to.mkdir()
        for number, (numbers, place) in enumerate(segments, start=1):
            path = write_segment(sealed, [*map(_numbered, numbers)], number=number)
            if place != "archive":
                shutil.copy(path, logs)
            if place == "logs":
                path.unlink()
            archived(sealed, to)
        kept = LogSource(
            directory=logs, archive=open_store(str(to)), now=lambda: NOW, cache=Path(folder) / "cache"
        )
        for question in questions:
            assert told(kept, question) == told(replace(kept, cache=None), question)


def _has_loose(source: LogSource, scratch: Path, period: Period = ALWAYS) -> bool:
    """Whether a report over all hours would read records."""
    with loading.database(scratch=scratch) as connection:
        return source.stock(connection, period, scratch, Findings()).loose().has_files()


@pytest.fixture
def source(tmp_path: Path) -> LogSource:
    """Three segments of different records, on two days, and their archive; nothing in the logs."""
    sealed, logs = tmp_path / "sealed", tmp_path / "logs"
    sealed.mkdir()
    logs.mkdir()
    for number in range(1, 4):
        items = [_numbered(one) for one in range(20 * number, 20 * number + 20)]
        _written_as(write_segment(sealed, items, number=number), number, number // 3)
    to = archived(sealed, tmp_path / "to")
    return LogSource(directory=logs, archive=open_store(str(to)), now=lambda: NOW, cache=tmp_path / "cache")


@pytest.mark.parametrize("first", [20, 21, 33])
@pytest.mark.parametrize("late", [-1, 0, 1])
def test_hours_that_the_range_cuts_are_read_from_records(source: LogSource, first: int, late: int) -> None:
    local = replace(source, directory=source.directory.with_name("sealed"), archive=None)
    since, until = (_numbered(n).created_at + timedelta(microseconds=late) for n in (first, first + 40))
    period = replace(ALWAYS, since=since, until=until)
    question = ReportQuery(period=period, buckets=buckets(period, "total"), group_by=())
    expected = sum(since <= _numbered(n).created_at < until for n in range(20, 80))
    for asked in (source, local):
        (cell,) = asked.answer(question).rows
        assert cell.measures.requests == expected


def test_a_report_over_whole_hours_reads_no_record_again(source: LogSource, tmp_path: Path) -> None:
    assert not _has_loose(source, tmp_path)
    ours = LogSource(directory=tmp_path / "sealed", now=lambda: NOW, cache=tmp_path / "cache")
    for _ in range(2):
        assert not _has_loose(ours, tmp_path)


def test_a_segment_of_records_that_others_hold_is_read_with_them(source: LogSource, tmp_path: Path) -> None:
    ours = LogSource(directory=tmp_path / "sealed", now=lambda: NOW, cache=tmp_path / "cache")
    write_segment(ours.directory, [_numbered(25)], number=4)
    assert _has_loose(ours, tmp_path)
    write_segment(source.directory, [_numbered(25)], number=4)
    assert _has_loose(source, tmp_path)


def test_sums_that_were_lost_are_made_again(source: LogSource, tmp_path: Path) -> None:
    question = ReportQuery(period=ALWAYS, buckets=buckets(ALWAYS, "day"))
    expected = told(source, question)
    for damage in (Path.unlink, lambda path: path.write_bytes(b"PAR1")):
        for file in (tmp_path / "cache").glob("*/*.parquet"):
            damage(file)
        assert told(source, question) == expected
        assert not _has_loose(source, tmp_path)


def test_sums_too_large_for_their_columns_are_left_to_the_records(tmp_path: Path) -> None:
    long = {"created_at": FIRST, "latency_ms": Decimal(999_999_999)}
    huge = [record(number, **long) for number in range(1, 1100)]
    write_segment(tmp_path, huge)
    kept = LogSource(directory=tmp_path, now=lambda: NOW, cache=tmp_path / "cache")
    question = ReportQuery(period=ALWAYS, buckets=buckets(ALWAYS, "total"))
    assert told(kept, question) == told(replace(kept, cache=None), question)
    assert _has_loose(kept, tmp_path)


def test_many_files_of_sums_become_one(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    kept = LogSource(directory=logs, now=lambda: NOW, cache=tmp_path / "cache")
    question = ReportQuery(period=ALWAYS, buckets=buckets(ALWAYS, "day"))
    for number in range(1, 11):
        _written_as(write_segment(logs, [_numbered(number)], number=number), number, number)
        assert told(kept, question) == told(replace(kept, cache=None), question)
    with loading.database(scratch=tmp_path) as connection:
        assert len(kept.stock(connection, ALWAYS, tmp_path, Findings()).summed.days) < 9
