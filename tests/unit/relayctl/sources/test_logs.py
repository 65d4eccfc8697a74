"""Reports from a log directory: what is there, what is not, and what lies there that does not belong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from etl.errors import ArchiveError
from relayctl.errors import SourceError
from relayctl.reports.buckets import buckets
from relayctl.reports.query import Answer, Filters, ReportQuery
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources import logs
from relayctl.sources.logs import LogSource
from relayctl.sources.opening import open_source
from tests.support.report_data import FIRST, changed, record, write_segment

NOW = datetime(2026, 11, 1, tzinfo=UTC)
WHOLE = Period(since=FIRST, until=NOW, zone=zone_named("UTC"))


def answer(directory: Path, filters: Filters = Filters()) -> Answer:  # noqa: B008 - a frozen value
    query = ReportQuery(period=WHOLE, buckets=buckets(WHOLE, "total"), group_by=("user",), filters=filters)
    return LogSource(directory=directory, now=lambda: NOW).answer(query)


def users(found: Answer) -> dict[str, int]:
    return {row.names[0] or "": row.measures.requests for row in found.rows}


def test_sealed_segments_are_summed_exactly(tmp_path: Path) -> None:
    write_segment(tmp_path, [record(number, latency_ms=Decimal("0.1")) for number in range(1, 11)])
    (cell,) = answer(tmp_path).rows
    assert cell.measures.cost_usd == Decimal("0.0006875")
    assert cell.measures.avg_latency_ms == Decimal("0.100")
    assert cell.measures.total_tokens == 605


def test_group_without_any_known_price_has_no_cost(tmp_path: Path) -> None:
    write_segment(tmp_path, [record(1, cost_usd=None), record(2, cost_usd=None)])
    (cell,) = answer(tmp_path).rows
    assert (cell.measures.cost_usd, cell.measures.unpriced_requests) == (None, 2)


def test_empty_directory_gives_an_empty_answer(tmp_path: Path) -> None:
    assert answer(tmp_path) == Answer(rows=[], as_of=NOW)


def test_missing_directory_is_a_short_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"does not exist: give one with --logs"):
        answer(tmp_path / "nowhere")


def test_file_instead_of_a_directory_is_a_short_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(SourceError, match="cannot be read: Not a directory"):
        answer(path)


def test_remote_url_other_than_s3_is_rejected() -> None:
    with pytest.raises(ArchiveError, match="neither a directory nor s3"):
        open_source("logs", None, "https://example.com/logs")


def test_open_segments_are_not_counted_before_they_are_sealed(tmp_path: Path) -> None:
    path = write_segment(tmp_path, [record(1)])
    path.rename(f"{path}.open")
    assert answer(tmp_path) == Answer(rows=[], as_of=NOW)


def test_foreign_files_and_bad_lines_are_reported(tmp_path: Path) -> None:
    bad = changed("}", seq=10_002, prompt_tokens="ten")
    write_segment(tmp_path, [record(1), bad, b"{\n", record(2)])
    write_segment(tmp_path, [record(3)], number=2)
    (tmp_path / "notes.jsonl").write_text("hello\n")
    (tmp_path / "notes.txt").write_text("not even of the kind\n")
    found = answer(tmp_path)
    assert users(found) == {"ada": 3}
    foreign, rejected = found.notes
    assert "notes.jsonl" in foreign
    assert rejected.startswith("2 lines not counted")
    assert "usage-20261001T000000Z-w1-000001.jsonl line 3: Expected `int`, got `str`" in rejected
    assert "line 4" in rejected


def test_segment_changed_after_sealing_is_reported_and_counted(tmp_path: Path) -> None:
    path = write_segment(tmp_path, [record(1)])
    path.write_bytes(path.read_bytes().replace(b'"ada"', b'"eve"'))
    found = answer(tmp_path)
    assert users(found) == {"eve": 1}
    assert "1 segment counted as found, not as sealed" in found.notes[0]


def test_truncated_segment_counts_up_to_the_cut(tmp_path: Path) -> None:
    path = write_segment(tmp_path, [record(1), record(2)])
    path.write_bytes(path.read_bytes()[:-400])
    assert users(answer(tmp_path)) == {"ada": 1}


def test_unreadable_segment_is_reported(tmp_path: Path) -> None:
    write_segment(tmp_path, [record(1)])
    (tmp_path / "usage-20261001T000000Z-w1-000009.jsonl").mkdir()
    found = answer(tmp_path)
    assert users(found) == {"ada": 1}
    assert "000009.jsonl: Is a directory" in found.notes[0]


def test_last_value_of_a_repeated_field_counts(
    tmp_path: Path,
) -> None:
    for number in range(1, 6):
        write_segment(tmp_path, [record(number)], number=number)
    write_segment(tmp_path, [changed(',"user_id":"eve"}', request_id="twice")], number=6)
    assert users(answer(tmp_path)) == {"ada": 5, "eve": 1}


def test_directory_named_like_a_glob_pattern_matches_only_itself(tmp_path: Path) -> None:
    for name in ("a[b]*?", "ab", "a[b]*c"):
        (tmp_path / name).mkdir()
        write_segment(tmp_path / name, [record(1, user_id=name)])
    assert users(answer(tmp_path / "a[b]*?")) == {"a[b]*?": 1}


def test_first_of_two_duplicates_counts_with_any_filter(tmp_path: Path) -> None:
    write_segment(tmp_path, [record(1), record(1, user_id="eve")])
    assert users(answer(tmp_path)) == {"ada": 1}
    assert users(answer(tmp_path, Filters({"user": ("eve",)}))) == {}


def test_the_period_includes_its_beginning_and_not_its_end(tmp_path: Path) -> None:
    moments = [
        FIRST - timedelta(microseconds=1),
        FIRST,
        NOW - timedelta(microseconds=1),
        NOW,
    ]
    write_segment(
        tmp_path,
        [record(number, created_at=at, user_id=str(number)) for number, at in enumerate(moments)],
    )
    assert users(answer(tmp_path)) == {"1": 1, "2": 1}


def test_an_interrupted_query_is_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise RuntimeError("Query interrupted")  # DuckDB's own words

    monkeypatch.setattr(logs, "verify_new", interrupted)
    with pytest.raises(KeyboardInterrupt):
        answer(tmp_path)
