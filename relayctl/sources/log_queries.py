"""Runs the queries of a report: on sums of the rollup cache, and on records where these do not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from etl.rollup import columns as rollup
from relayctl.reports.query import COLUMNS, Latency, ReportQuery, ResultRow
from relayctl.reports.time_range import Period
from relayctl.sources import result_rows
from relayctl.sources.report_inputs import ReportInputs
from relayctl.sources.statements import Connection, filters, naive, rows, sql

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_QUARTER: Final = timedelta(minutes=15)
"""Every current time zone differs from UTC by a multiple of it."""

Source = tuple[str, dict[str, Any]]
"""A statement that selects records or sums, and its parameters."""

Interval = tuple[datetime, datetime]
"""From a time, included, to another one, excluded."""


def _since_start(moment: datetime, grain: timedelta) -> timedelta:
    """The time since the hour or day (UTC) of this moment began."""
    return (moment - _EPOCH) % grain


def _bounds(since: datetime, until: datetime) -> dict[str, Any]:
    return {"since": naive(since), "until": naive(until)}


def _filters(query: ReportQuery) -> tuple[str, dict[str, Any]]:
    condition, values = filters({COLUMNS[one]: given for one, given in query.filters.values.items()})
    return condition, {**values}


def _moment(query: ReportQuery, time: str) -> str:
    """An expression that puts times into as few groups as possible, without a boundary within any of them."""
    if not query.inner_boundaries:
        return "TIMESTAMP '1970-01-01'"
    if any(_since_start(one, _QUARTER) for one in query.inner_boundaries):
        return time
    return f"time_bucket(INTERVAL 15 MINUTE, {time})"


class LogQueries:
    """Queries over the inputs of a period; records are loaded when a query first needs them."""

    def __init__(self, connection: Connection, inputs: ReportInputs, period: Period) -> None:
        self._connection = connection
        self._inputs = inputs
        self._period = period
        self._is_loaded = False
        self._loaded: list[Interval] = []
        self._read: set[Interval] = set()
        connection.execute(sql("create_records"))
        connection.execute(sql("report_logs_create_tables"))

    def rows(self, query: ReportQuery) -> list[ResultRow]:
        """The sums per bucket and group."""
        condition, values = _filters(query)
        lists = {"dimensions": "".join(f"{COLUMNS[one]}, " for one in query.group_by), "filters": condition}
        rollups = {"time": "period_start", "measures": rollup.SQL["sums"]}
        records = {"time": "created_at", "measures": rollup.SQL["measures_of_records"]}
        self._load_records()
        self._connection.execute(sql("report_logs_parts"))
        for kind, sources in ((rollups, self._rollups(query)), (records, self._records(query))):
            kind["moment"] = _moment(query, kind["time"])
            for source, parameters in sources:
                statement = sql("report_logs_add_sums", source=source, **lists, **kind)
                self._connection.execute(statement, parameters | values)
        boundaries = {"inner_boundaries": [naive(boundary) for boundary in query.inner_boundaries]}
        found = rows(self._connection, sql("report_logs", **lists), boundaries)
        return result_rows.from_rows(found, query.group_by)

    def latencies(self, query: ReportQuery) -> list[Latency]:
        """Percentiles, from the duration of each request."""
        since, until = query.period.since, query.period.until
        condition, values = _filters(query)
        period = _bounds(since, until)
        self._load_records()
        self._connection.execute(sql("report_logs_durations"))
        sources: list[Source] = [("FROM records", period)]
        if not [*self._gaps(since, until)]:
            sources.append(("FROM rollup_records", period))
        else:
            sources += self._inputs.sources(since, until, self._inputs.rollup_files.__contains__)
        for records, parameters in sources:
            statement = sql("report_logs_add_durations", records=records, filters=condition)
            self._connection.execute(statement, parameters | values)
        return result_rows.latencies(rows(self._connection, sql("report_logs_latencies")))

    def _rollups(self, query: ReportQuery) -> Iterator[Source]:
        """The sums of the whole hours of a query."""
        since, until = result_rows.whole_hours(query)
        days = not any(_since_start(one, _DAY) for one in (since, until, *query.inner_boundaries))
        for cache, ids in self._inputs.rollups.items():
            lists = {
                "cache": cache,
                "table": "daily" if days else "hourly",
                "file_ids": ", ".join(map(str, ids)),
            }
            yield sql("report_logs_rollups", **lists), _bounds(since, until)

    def _records(self, query: ReportQuery) -> Iterator[Source]:
        """The records of files without sums, and those of the other files for parts of hours.

        The latter are read from the files once; if they are needed again, they are loaded.
        """
        since, until = query.period.since, query.period.until
        yield "FROM records", _bounds(since, until)
        hours_from, hours_until = result_rows.whole_hours(query)
        for interval in ((since, hours_from), (max(hours_until, hours_from), until)):
            if not self._inputs.rollup_files or interval[0] >= interval[1]:
                continue
            if interval not in self._read and [*self._gaps(*interval)] == [interval]:
                self._read.add(interval)
                yield from self._inputs.sources(*interval, self._inputs.rollup_files.__contains__)
            else:
                self._load_rollup_records(*interval)
                yield "FROM rollup_records", _bounds(*interval)

    def _load_records(self) -> None:
        """Loads the records of files that the cache does not answer, each once."""
        if self._is_loaded:
            return
        load_records(self._connection, self._inputs, self._period)
        self._is_loaded = True

    def _load_rollup_records(self, since: datetime, until: datetime) -> None:
        """Loads the records of files in the cache for a part of the period; none is loaded twice."""
        for interval in [*self._gaps(since, until)]:
            for records, parameters in self._inputs.sources(
                *interval, self._inputs.rollup_files.__contains__
            ):
                statement = sql("load_records", table="rollup_records", records=records)
                self._connection.execute(statement, parameters)
            self._loaded.append(interval)

    def _gaps(self, since: datetime, until: datetime) -> Iterator[Interval]:
        """The parts of an interval whose records of files in the cache are not loaded yet."""
        for first, last in sorted(self._loaded):
            if since < first < until:
                yield since, first
            since = max(since, last) if first < until else since
        if since < until:
            yield since, until


def load_records(
    connection: Connection, inputs: ReportInputs, period: Period, lists: dict[str, str] | None = None
) -> None:
    """Loads each record of files whose sums are not used, once: of duplicates the first by segment and line.

    `lists` are the column lists of other columns than those of reports.
    """
    sources = inputs.sources(period.since, period.until, lambda name: name not in inputs.rollup_files, lists)
    for records, parameters in sources:
        connection.execute(sql("load_records", table="records", records=records), parameters)
    connection.execute(sql("delete_duplicate_records"))
