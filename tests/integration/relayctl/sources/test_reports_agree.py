"""Invariant 8: PostgreSQL and DuckDB give the same report to the last digit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.load import run
from proxy.segments.record import UsageRecord
from relayctl.reports import json_documents as documents
from relayctl.reports import reports
from relayctl.reports.buckets import GRANULARITIES
from relayctl.reports.query import DIMENSIONS, Filters, Source
from relayctl.reports.time_range import Period
from relayctl.sources.logs import LogSource
from relayctl.sources.postgres import PostgresSource
from tests.support.both_sources import FILTERS, MANY, NOW, PERIODS, SEGMENTS, WHOLE, Items, from_both
from tests.support.report_data import (
    changed,
    record,
    write_segment,
)

USAGE = st.fixed_dictionaries(
    {
        "granularity": st.sampled_from(GRANULARITIES),
        "group_by": st.lists(st.sampled_from(DIMENSIONS), unique=True).map(tuple),
    }
)
LEADERBOARD = st.fixed_dictionaries(
    {
        "dimension": st.sampled_from(DIMENSIONS),
        "metric": st.sampled_from(reports.METRICS),
        "limit": st.integers(1, 12),
        "compare": st.booleans(),
        "trend": st.booleans(),
    }
)


def usage_json(source: Source, period: Period, filters: Filters, options: dict[str, Any]) -> bytes:
    report = reports.usage_report(source, period, filters=filters, **options)
    return documents.encode(documents.usage_document(report) | {"as_of": None})


def leaderboard_json(source: Source, period: Period, filters: Filters, options: dict[str, Any]) -> bytes:
    report = reports.leaderboard(source, period, filters=filters, **options)
    trends = {"trends": [list(row.trend) for row in report.rows]}
    return documents.encode(documents.leaderboard_document(report) | trends | {"as_of": None})


@pytest.mark.every_postgres
@MANY
@given(segments=SEGMENTS, period=PERIODS, asked=st.tuples(FILTERS, USAGE))
def test_usage_is_the_same_from_both(
    shared_url: str,
    shared: psycopg.Connection,
    segments: list[list[UsageRecord]],
    period: Period,
    asked: tuple[Filters, dict[str, Any]],
) -> None:
    ours, theirs = from_both(shared_url, shared, segments, lambda source: usage_json(source, period, *asked))
    assert ours == theirs


@MANY
@given(segments=SEGMENTS, period=PERIODS, asked=st.tuples(FILTERS, LEADERBOARD))
def test_the_leaderboard_is_the_same_from_both(
    shared_url: str,
    shared: psycopg.Connection,
    segments: list[list[UsageRecord]],
    period: Period,
    asked: tuple[Filters, dict[str, Any]],
) -> None:
    ours, theirs = from_both(
        shared_url, shared, segments, lambda source: leaderboard_json(source, period, *asked)
    )
    assert ours == theirs


def everything(source: Source) -> bytes:
    return usage_json(source, WHOLE, Filters(), {"granularity": "hour"})


LINES = [
    b"not json\n",
    b"\n",
    b"null\n",
    b"\xff\xfe\n",
    b'{"event":"request"}\n',
    b'{"v":1,"event":"intent","seq":3}\n',
    changed(","),  # no closing brace
    changed(",}"),  # a comma that JSON does not have
    changed(',"extra":NaN}'),
    changed(',"extra":"new field"}'),  # good: readers ignore what they do not know
    changed(',"user_id":"twice"}'),
    changed("} {}"),
    changed("}\r"),
    changed(',"extra":"' + "x" * 600_000 + '"}'),  # longer than a line may be
    changed(',"extra":' + "[" * 5000 + "]" * 5000 + "}"),
    changed("}", user_id=5),
    changed("}", user_id=None),
    changed("}", user_id="x" * 513),
    changed("}", user_id="é" * 512),  # good, though it has more bytes
    changed("}", user_id="nul\0"),
    changed("}", user_id="😀" * 400, team_id="😀" * 300),  # too long for the database's index
    changed("}", key_id="nul\0"),  # a field that no report reads
    changed("}", key_id=7),
    changed("}", stream="yes"),
    changed("}", usage=[]),
    changed("}", attempts=[{"provider": 1}]),
    changed("}", error={"type": "x"}),
    changed("}", reasoning_tokens=5000),
    changed("}", request_id=""),
    changed("}", status="200"),
    changed("}", status=99),
    changed("}", prompt_tokens="10"),
    changed("}", prompt_tokens=10.0),
    changed("}", prompt_tokens=-1, total_tokens=0),
    changed("}", total_tokens=12),
    changed("}", cost_usd="1e-3"),  # good
    changed("}", cost_usd=0.0000125),  # good: a number
    changed("}", cost_usd="0.0000000000001"),
    changed("}", cost_usd="-1"),
    changed("}", cost_usd="NaN"),
    changed("}", cost_usd=" 1"),
    changed("}", cost_usd="1_0"),
    changed("}", cost_usd="1000000000000"),
    changed("}", cost_usd="0E-400"),  # good: a zero
    changed("}", latency_ms="7.5"),  # good: text
    changed("}", latency_ms=-1),
    changed("}", latency_ms=1e11),
    changed("}", latency_ms=None),
    changed("}", created_at="2026-10-02T01:00:00"),
    changed("}", created_at="2026-10-02T01:00:00+02:00"),  # good
    changed("}", created_at="2026-10-02 01:00:00Z"),
    changed("}", created_at="2026-10-02T24:00:00.000000Z"),
    changed("}", created_at="2026-02-30T01:00:00.000000Z"),
    changed("}", created_at=1790000000),
    changed("}", cache_hit=1),
    changed("}", seq=2**53 + 1),
    changed("}", event="Request"),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[-60:].decode(errors="replace").strip())
@pytest.mark.parametrize("untouched", [True, False], ids=["sealed with it", "changed after sealing"])
def test_line_counts_in_the_logs_only_if_the_etl_loads_it(
    shared_url: str, shared: psycopg.Connection, line: bytes, untouched: bool
) -> None:
    shared.execute("TRUNCATE usage_records, usage_hourly_parts, etl_segments, etl_rejects, etl_intents")
    with TemporaryDirectory() as folder:
        place = b"a place\n"
        items: Items = [record(2), line if untouched else place, record(3)]
        path = write_segment(Path(folder), items)
        if not untouched:
            path.write_bytes(path.read_bytes().replace(place, line))
        write_segment(Path(folder), [record(4)], number=2)
        run.run(shared_url, Path(folder))
        ours = everything(PostgresSource(url=shared_url))
        theirs = everything(LogSource(directory=Path(folder), now=lambda: NOW))
    assert ours == theirs


def test_first_duplicate_by_segment_and_line_counts(shared_url: str, shared: psycopg.Connection) -> None:
    again = [record(1, user_id=f"user {number}") for number in range(6)]
    segments: list[Items] = [
        [record(2), *again[:2]],
        [b"makes this one be read strictly\n", *again[2:4]],
        again[4:],
    ]
    ours, theirs = from_both(shared_url, shared, segments, everything)
    assert ours == theirs
    assert b"user 0" in ours
    assert b"user 1" not in ours


def test_a_report_says_up_to_when_it_is_complete(shared_url: str, shared: psycopg.Connection) -> None:
    shared.execute("UPDATE etl_state SET as_of = '2026-11-30T12:00:00Z'")
    report = reports.usage_report(PostgresSource(url=shared_url), WHOLE)
    assert report.as_of == datetime(2026, 11, 30, 12, tzinfo=UTC)
