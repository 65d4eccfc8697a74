"""Reports with the rollup cache equal those from records to the last digit, whatever files change."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet  # type: ignore[import-untyped]

from etl.archive.manifest import Manifest, put
from etl.archive.store import open_store
from etl.records.columns import COLUMNS
from proxy.segments.lines import SegmentName
from proxy.segments.record import UsageRecord
from relayctl.reports.buckets import buckets
from relayctl.reports.query import Filters, ReportQuery
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources import sql_database
from relayctl.sources.logs import LogSource
from relayctl.sources.segments import Findings
from relayctl.sources.statements import database
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
QUERIES = st.builds(
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
    st.sampled_from(
        [(), ("user",), ("team", "model"), ("user", "team", "model"), ("provider", "key"), ("endpoint",)]
    ),
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
STEPS = st.tuples(SEGMENTS, st.integers(0, 2), st.sampled_from(list(CHANGES)), QUERIES)


def _written_as(path: Path, number: int, days: int = 0) -> None:
    """Gives a segment the name of one that was begun on another day."""
    path.rename(
        path.with_name(str(SegmentName(started_at=FIRST + timedelta(days=days), writer="w1", number=number)))
    )


def everything(source: LogSource, query: ReportQuery) -> Any:
    """The answers of a source to a query and to its first half, its notes, and the latencies."""
    period = query.period
    half = replace(period, until=period.since + (period.until - period.since) / 2)
    with source.opened(query) as records:
        answers = [
            records.answer(query),
            records.answer(replace(query, period=half, buckets=buckets(half, "day"))),
        ]
        latencies = records.latencies(query)
    rows = [sorted(answer.rows, key=lambda row: (row.bucket, row.names)) for answer in answers]
    return [[asdict(row) for row in found] for found in rows], answers[0].notes, latencies


@SOME
@given(steps=st.lists(STEPS, min_size=1, max_size=4))
def test_cached_sums_equal_the_records(steps: list[tuple[list[int], int, str, ReportQuery]]) -> None:
    with TemporaryDirectory() as folder:
        logs, cache = Path(folder) / "logs", Path(folder) / "cache"
        logs.mkdir()
        for number, (numbers, days, change, query) in enumerate(steps, start=1):
            if there := sorted(logs.glob("*.jsonl")):
                CHANGES[change](there[0])
            _written_as(write_segment(logs, [*map(_numbered, numbers)], number=number), number, days)
            cached = LogSource(directory=logs, now=lambda: NOW, cache=cache)
            assert everything(cached, query) == everything(replace(cached, cache=None), query)


@SOME
@given(
    segments=st.lists(st.tuples(SEGMENTS, st.sampled_from(["logs", "archive", "both"])), max_size=4),
    queries=st.lists(QUERIES, min_size=2, max_size=3),
)
def test_cached_sums_of_an_archive_equal_its_records(
    segments: list[tuple[list[int], str]], queries: list[ReportQuery]
) -> None:
    with TemporaryDirectory() as folder:
        logs, sealed, to = (Path(folder) / name for name in ("logs", "sealed", "to"))
        logs.mkdir()
        sealed.mkdir()
        to.mkdir()
        for number, (numbers, where) in enumerate(segments, start=1):
            path = write_segment(sealed, [*map(_numbered, numbers)], number=number)
            if where != "archive":
                shutil.copy(path, logs)
            if where == "logs":
                path.unlink()
            archived(sealed, to)
        cached = LogSource(
            directory=logs, archive=open_store(str(to)), now=lambda: NOW, cache=Path(folder) / "cache"
        )
        for query in queries:
            assert everything(cached, query) == everything(replace(cached, cache=None), query)


def _reads_records(source: LogSource, scratch: Path, period: Period = ALWAYS) -> bool:
    """Whether a report over whole hours reads records."""
    with database(scratch=scratch) as connection:
        inputs = source.inputs(connection, period, scratch, Findings())
        return any(inputs.sources(period.since, period.until, lambda name: name not in inputs.rollup_files))


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
def test_parts_of_hours_are_read_from_records(source: LogSource, first: int, late: int) -> None:
    local = replace(source, directory=source.directory.with_name("sealed"), archive=None)
    since, until = (_numbered(n).created_at + timedelta(microseconds=late) for n in (first, first + 40))
    period = replace(ALWAYS, since=since, until=until)
    query = ReportQuery(period=period, buckets=buckets(period, "total"), group_by=())
    expected = sum(since <= _numbered(n).created_at < until for n in range(20, 80))
    for asked in (source, local):
        (cell,) = asked.answer(query).rows
        assert cell.measures.requests == expected


def test_report_over_whole_hours_reads_no_record_again(source: LogSource, tmp_path: Path) -> None:
    assert not _reads_records(source, tmp_path)
    ours = LogSource(directory=tmp_path / "sealed", now=lambda: NOW, cache=tmp_path / "cache")
    for _ in range(2):
        assert not _reads_records(ours, tmp_path)


def test_segment_that_shares_a_record_is_read_as_records(source: LogSource, tmp_path: Path) -> None:
    ours = LogSource(directory=tmp_path / "sealed", now=lambda: NOW, cache=tmp_path / "cache")
    write_segment(ours.directory, [_numbered(25)], number=4)
    assert _reads_records(ours, tmp_path)
    write_segment(source.directory, [_numbered(25)], number=4)
    assert _reads_records(source, tmp_path)


def test_damaged_sums_are_made_again(source: LogSource, tmp_path: Path) -> None:
    query = ReportQuery(period=ALWAYS, buckets=buckets(ALWAYS, "day"))
    expected = everything(source, query)
    for start in (0, 4096, 12288, 100_000):
        for file in (tmp_path / "cache").glob("rollups/*"):
            data = file.read_bytes()
            file.write_bytes(data[:start] + bytes(len(data) - start))
        assert everything(source, query) == expected
        assert everything(source, query) == expected
        assert not _reads_records(source, tmp_path)


def test_sums_of_any_size_are_exact(tmp_path: Path) -> None:
    long = {"created_at": FIRST, "latency_ms": Decimal(999_999_999)}
    huge = [record(number, **long) for number in range(1, 1100)]
    write_segment(tmp_path, huge)
    cached = LogSource(directory=tmp_path, now=lambda: NOW, cache=tmp_path / "cache")
    query = ReportQuery(period=ALWAYS, buckets=buckets(ALWAYS, "total"))
    assert everything(cached, query) == everything(replace(cached, cache=None), query)
    assert not _reads_records(cached, tmp_path)


def test_records_shared_with_a_removed_segment_are_summed_again(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    cached = LogSource(directory=logs, now=lambda: NOW, cache=tmp_path / "cache")
    write_segment(logs, [_numbered(1), _numbered(2)])
    shared = write_segment(logs, [_numbered(2)], number=2)
    write_segment(logs, [_numbered(3)], number=3)
    assert _reads_records(cached, tmp_path)
    shared.unlink()
    assert not _reads_records(cached, tmp_path)


@pytest.mark.parametrize("lacking", ["error_type", "provider", "reasoning_tokens"])
def test_archive_file_without_newer_columns_has_their_defaults(
    source: LogSource, tmp_path: Path, lacking: str
) -> None:
    """An archive written before these stored columns existed, alone and beside a file that has them."""
    to = tmp_path / "to"
    names = [one.name for one in COLUMNS]
    lost = names[names.index(lacking) :] if lacking == "error_type" else [lacking]
    query = ReportQuery(period=ALWAYS, buckets=buckets(ALWAYS, "day"), group_by=("user", "provider"))
    before = source.answer(query)
    (name,) = (to / "manifests").iterdir()
    manifest = msgspec.json.decode(name.read_bytes(), type=Manifest)
    for count, file in enumerate(manifest.files, start=1):
        table = parquet.read_table(to / file.name, partitioning=None)
        parquet.write_table(table.drop_columns(lost), to / file.name)
        digest = hashlib.sha256((to / file.name).read_bytes()).hexdigest()
        files = tuple(
            msgspec.structs.replace(one, sha256=digest) if one.name == file.name else one
            for one in manifest.files
        )
        manifest = msgspec.json.decode(
            msgspec.json.encode(msgspec.structs.replace(manifest, files=files)), type=Manifest
        )
        for old in (to / "manifests").iterdir():
            old.unlink()
        put(open_store(str(to)), manifest)
        for cache in (None, source.cache):
            found = replace(source, cache=cache)
            answer = found.answer(query)
            assert sum(row.measures.requests for row in answer.rows) == 60, count
            if lacking != "provider":
                costs = [sum(row.measures.cost_usd or 0 for row in one.rows) for one in (answer, before)]
                assert costs[0] == costs[1]
            with sql_database.opened(found, ALWAYS) as opened:
                (statement,) = opened.statements(f"SELECT count(*), count({lacking}) FROM usage_records")
                result = opened.run(statement)
                assert result is not None
                assert result.rows[0][0] == 60
