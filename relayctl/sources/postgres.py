"""Reports from PostgreSQL: whole hours from the rollup, the rest of a period from the records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel

from etl.database import connection as database
from etl.database import migrations as migrate
from etl.database.queries import named
from etl.load import status
from relayctl.reports.query import Answer, Latencies, ReportQuery
from relayctl.sources import result_rows as cells

_HOUR: Final = timedelta(hours=1)
_TICK: Final = timedelta(microseconds=1)


def parameters(question: ReportQuery) -> dict[str, Any]:
    """What `report_postgres` is asked with."""
    hours_from, hours_until = _whole_hours(question)
    return {
        "since": question.period.since,
        "until": question.period.until,
        "hours_from": hours_from,
        "hours_until": hours_until,
        "inner_boundaries": question.inner_boundaries,
        **cells.parameters(question),
    }


def _whole_hours(question: ReportQuery) -> tuple[datetime, datetime]:
    """The part of the period that the hourly rollup can tell; empty where a bucket begins within an hour."""
    since, until = question.period.since, question.period.until
    first, last = _hour_of(since + _HOUR - _TICK), _hour_of(until)
    if first >= last or any(boundary != _hour_of(boundary) for boundary in question.inner_boundaries):
        return since, since
    return first, last


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _missing(question: ReportQuery, pruned_before: datetime | None) -> tuple[str, ...]:
    """What cannot be told any more: parts of hours before the horizon, whose records are pruned."""
    hours_from, hours_until = _whole_hours(question)
    period = question.period
    parts = ((period.since, hours_from), (max(hours_until, period.since), period.until))
    if pruned_before is None or not any(since < min(until, pruned_before) for since, until in parts):
        return ()
    told = (
        f"records before {pruned_before:%F %T}Z may be pruned: of hours that the range or one of its buckets "
        "cuts, the part before that is missing; UTC and whole hours show everything"
    )
    return (told,)


@dataclass(frozen=True, kw_only=True)
class PostgresRecords:
    """What the database held at one moment."""

    connection: psycopg.Connection

    def answer(self, question: ReportQuery) -> Answer:
        """For any question."""
        rows = self.connection.execute(named("report_postgres"), parameters(question)).fetchall()
        return Answer(
            cells=cells.from_rows(rows, question.group_by),
            as_of=status.as_of(self.connection),
            notes=_missing(question, self._pruned_before()),
        )

    def latencies(self, question: ReportQuery) -> Latencies:
        """For any question; of what is pruned nothing is known."""
        period = question.period
        asked = {"since": period.since, "until": period.until, **cells.filters(question)}
        rows = self.connection.execute(named("report_postgres_latencies"), asked).fetchall()
        pruned = self._pruned_before()
        return Latencies(
            rows=cells.latencies(rows), since=pruned if pruned and pruned > period.since else None
        )

    def _pruned_before(self) -> datetime | None:
        found: datetime | None = self.connection.execute(named("pruned_before")).fetchall()[0][0]
        return found


@dataclass(frozen=True, kw_only=True)
class PostgresSource:
    """The records that the ETL has loaded into the database at `url`."""

    url: str = field(repr=False)

    def answer(self, question: ReportQuery) -> Answer:
        """Raises `EtlError` when the database is down or has no Relay schema."""
        with self.opened(question) as records:
            return records.answer(question)

    @contextmanager
    def opened(self, _question: ReportQuery) -> Iterator[PostgresRecords]:
        """One snapshot, for any question. Raises as `answer` does."""
        with database.connect(self.url) as connection:
            migrate.check_schema(connection)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with database.translate_errors(connection), connection.transaction():
                yield PostgresRecords(connection=connection)
