"""Invariant 8 for what needs each record: percentiles, SQL, and queries within others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.load import run
from etl.rollup import rollup
from proxy.segments.record import UsageRecord
from relayctl.reports import json_documents as documents
from relayctl.reports.buckets import buckets
from relayctl.reports.query import Filters, ReportQuery, Source
from relayctl.reports.time_range import Period
from relayctl.sources import sql_database
from relayctl.sources.logs import LogSource
from tests.support.both_sources import FILTERS, NOW, PERIODS, SEGMENTS, from_both
from tests.support.report_data import write_segment

SOME = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def latencies_json(source: Source, period: Period, filters: Filters) -> bytes:
    query = ReportQuery(period=period, buckets=buckets(period, "total"), filters=filters)
    with source.opened(query) as records:
        return documents.encode([asdict(row) for row in records.latencies(query).rows])


def within_json(source: Source, period: Period, filters: Filters, parts: Sequence[Period]) -> bytes:
    """The answers to queries within the one that the records were opened with."""
    wide = ReportQuery(period=period, buckets=buckets(period, "day"), filters=filters)
    with source.opened(wide) as records:
        answers = [records.answer(replace(wide, buckets=buckets(period, "total"), group_by=()))]
        for part in parts:
            since = min(max(part.since, period.since), period.until)
            inner = replace(part, since=since, until=max(since, min(part.until, period.until)))
            cut = buckets(inner, "week")
            query = ReportQuery(period=inner, buckets=cut, group_by=("team",), filters=filters)
            answers.append(records.answer(query))
    rows = [sorted(answer.rows, key=lambda row: (row.bucket, row.names)) for answer in answers]
    return documents.encode([[asdict(row) for row in found] for found in rows])


@SOME
@given(segments=SEGMENTS, period=PERIODS, asked=FILTERS)
def test_latencies_are_the_same_from_both(
    shared_url: str,
    shared: psycopg.Connection,
    segments: list[list[UsageRecord]],
    period: Period,
    asked: Filters,
) -> None:
    ours, theirs = from_both(
        shared_url, shared, segments, lambda source: latencies_json(source, period, asked)
    )
    assert ours == theirs


@SOME
@given(segments=SEGMENTS, period=PERIODS, asked=st.tuples(FILTERS, st.lists(PERIODS, max_size=3)))
def test_queries_within_another_are_the_same_from_both(
    shared_url: str,
    shared: psycopg.Connection,
    segments: list[list[UsageRecord]],
    period: Period,
    asked: tuple[Filters, list[Period]],
) -> None:
    ours, theirs = from_both(shared_url, shared, segments, lambda source: within_json(source, period, *asked))
    assert ours == theirs


@SOME
@given(segments=SEGMENTS)
def test_sql_over_the_logs_shows_the_tables_of_the_database(
    shared_url: str, shared: psycopg.Connection, segments: list[list[UsageRecord]]
) -> None:
    shared.execute("TRUNCATE usage_records, usage_hourly_parts, etl_segments, etl_rejects, etl_intents")
    with TemporaryDirectory() as folder:
        for number, items in enumerate(segments, start=1):
            write_segment(Path(folder), items, number=number)
        run.run(shared_url, Path(folder))
        rollup.refresh(shared)
        source = LogSource(directory=Path(folder), now=lambda: NOW)
        with sql_database.opened(source, sql_database.ALWAYS) as database:
            for view, order in (("usage_records", "2, 1"), ("usage_daily", "1, 2, 3, 4")):
                text = f"SELECT * FROM {view} ORDER BY {order}"
                (statement,) = database.statements(text)
                found = database.run(statement)
                assert found is not None
                ours = shared.execute(text.encode())
                assert [column.name for column in ours.description or []] == found.columns
                assert ours.fetchall() == found.rows
