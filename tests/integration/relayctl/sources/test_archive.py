"""A report is the same to the last digit wherever its segments lie: in the logs, the archive, or both."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.archive.store import open_store
from etl.errors import ArchiveError
from proxy.segments.record import UsageRecord
from relayctl.errors import SourceError
from relayctl.reports import reports
from relayctl.reports.query import Filters
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.logs import LogSource
from tests.support.archive_data import ALWAYS, NOW, archived, contents, four_segments, report
from tests.support.report_data import (
    FIRST,
    MODELS,
    TEAMS,
    USERS,
    changed,
    record,
    usage_records,
    write_segment,
)

MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
LINES = st.sampled_from([b"no record\n", changed("}", cost_usd="1e-3"), changed("}", latency_ms="7.5")])
SEGMENTS = st.lists(st.lists(usage_records() | LINES, max_size=12), min_size=1, max_size=4)
FILTERS = st.builds(
    lambda users, teams, models: Filters({"user": users, "team": teams, "model": models}),
    st.lists(st.sampled_from(USERS), max_size=3),
    st.lists(st.sampled_from(TEAMS), max_size=1),
    st.lists(st.sampled_from(MODELS), max_size=1),
)
DAYS = st.integers(0, 60)
PERIODS = st.just(ALWAYS) | st.builds(
    lambda first, days: Period(
        since=FIRST + timedelta(days=first, minutes=30),
        until=FIRST + timedelta(days=first + days),
        zone=zone_named("Europe/Berlin"),
    ),
    DAYS,
    st.integers(1, 20),
)
PLACES = st.lists(st.sampled_from(["logs", "archive", "both", "two archives"]))


@MANY
@given(segments=SEGMENTS, places=PLACES, period=PERIODS, filters=FILTERS)
def test_report_over_any_split_equals_the_report_over_the_logs(
    segments: Sequence[Sequence[UsageRecord | bytes]], places: list[str], period: Period, filters: Filters
) -> None:
    with TemporaryDirectory() as folder:
        whole, logs, now, again, to = (Path(folder) / name for name in ("whole", "logs", "1", "2", "to"))
        for place in (whole, logs, now, again, to):
            place.mkdir()
        for number, items in enumerate(segments, start=1):
            path = write_segment(whole, items, number=number)
            where = places[number - 1] if number <= len(places) else "both"
            if where in {"logs", "both"}:
                shutil.copy(path, logs)
            if where != "logs":
                shutil.copy(path, now)
            if where == "two archives":
                shutil.copy(path, again)
        archived(now, to)
        # A second archiver that knew nothing of the first: the same archive, other groups.
        other = archived(again, Path(folder) / "other")
        shutil.copytree(other, to, dirs_exist_ok=True)
        expected = report(whole, period=period, filters=filters)
        assert report(logs, str(to), period=period, filters=filters) == expected


def test_first_duplicate_counts_for_every_user_filter(tmp_path: Path) -> None:
    logs, to = tmp_path / "logs", tmp_path / "to"
    logs.mkdir()
    write_segment(logs, [record(1, user_id="ada"), record(1, user_id="bob"), record(2, user_id="bob")])
    write_segment(logs, [record(2, user_id="ada"), record(3, user_id="bob")], number=2)
    archived(logs, to)
    empty = tmp_path / "empty"
    empty.mkdir()
    for users in (("ada",), ("bob",), ("ada", "bob"), ()):
        filters = Filters({"user": users})
        assert report(empty, str(to), filters=filters) == report(logs, filters=filters)


def test_a_segment_in_two_groups_is_read_once(tmp_path: Path) -> None:
    logs, empty = tmp_path / "logs", tmp_path / "empty"
    paths = four_segments(logs)
    groups = [paths[:3], paths[1:]]
    for number, group in enumerate(groups):
        for path in group:
            (tmp_path / str(number)).mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / str(number))
        archived(tmp_path / str(number), tmp_path / f"to-{number}")
    shutil.copytree(tmp_path / "to-1", tmp_path / "to-0", dirs_exist_ok=True)
    empty.mkdir()
    source = LogSource(directory=empty, archive=open_store(str(tmp_path / "to-0")), now=lambda: NOW)
    found = reports.usage_report(source, ALWAYS)
    assert found.totals.requests == 12
    assert [note.split(":")[0] for note in found.notes] == ["1 line not counted as a record"]


def test_one_week_reads_only_its_days(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    four_segments(logs)
    to = archived(logs, tmp_path / "to")
    week = Period(since=FIRST + timedelta(days=5), until=FIRST + timedelta(days=8), zone=zone_named("UTC"))
    expected = report(logs, period=week)
    for path in to.glob("day=*/*.parquet"):
        if path.parent.name not in {f"day={(FIRST + timedelta(days=n)).date()}" for n in (5, 6, 7)}:
            path.unlink()
    shutil.rmtree(to / "segments")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert report(empty, str(to), period=week) == expected
    with pytest.raises(SourceError, match="cannot be read"):
        report(empty, str(to))


@pytest.mark.parametrize("damage", [b"", b"PAR1 something else"])
def test_changed_parquet_file_is_noticed(tmp_path: Path, damage: bytes) -> None:
    logs = tmp_path / "logs"
    four_segments(logs)
    to = archived(logs, tmp_path / "to")
    next(to.glob("day=*/*.parquet")).write_bytes(damage)
    with pytest.raises(SourceError, match="was changed after it was written: restore it"):
        report(logs, str(to))


def test_replaced_parquet_file_is_noticed(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    four_segments(logs)
    to = archived(logs, tmp_path / "to")
    first, second = sorted(to.glob("day=*/*.parquet"))[:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(SourceError, match="was changed after it was written"):
        report(logs, str(to))


def test_changed_manifest_is_noticed(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    four_segments(logs)
    to = archived(logs, tmp_path / "to")
    (manifest,) = to.glob("manifests/*.json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"records":12', b'"records":13'))
    with pytest.raises(ArchiveError, match=r"manifest .* was changed after it was written"):
        report(logs, str(to))


def test_files_in_no_manifest_do_not_count(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    four_segments(logs)
    to = archived(logs, tmp_path / "to")
    expected = report(logs)
    for name, data in contents(to).items():
        if name.endswith(".parquet"):
            (to / name).with_name("0" * 64 + ".parquet").write_bytes(data)
    assert report(logs, str(to)) == expected


def test_missing_archive_is_a_short_error(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    four_segments(logs)
    with pytest.raises(ArchiveError, match="nowhere cannot be read: no such file or directory"):
        report(logs, str(tmp_path / "nowhere"))


def test_archive_without_logs_suffices_with_a_note(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    four_segments(logs)
    to = archived(logs, tmp_path / "to")
    absent = tmp_path / "absent"
    assert report(absent, str(to)) == report(logs)
    source = LogSource(directory=absent, archive=open_store(str(to)), now=lambda: NOW)
    notes = reports.usage_report(source, ALWAYS).notes
    assert f"1 log directory not read because it does not exist: {absent}" in notes


def test_segment_that_differs_from_its_archived_copy_is_reported(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    paths = four_segments(logs)
    to = archived(logs, tmp_path / "to")
    paths[1].write_bytes(paths[1].read_bytes() + b"more\n")
    source = LogSource(directory=logs, archive=open_store(str(to)), now=lambda: NOW)
    found = reports.usage_report(source, ALWAYS)
    assert found.totals.requests == 12
    assert any(paths[1].name in note and "in the archive" in note for note in found.notes)
