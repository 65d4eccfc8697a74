"""Reports from PostgreSQL: whole hours from the rollup, the rest of a period from the records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import IsolationLevel

from etl import database, migrate, status
from etl.queries import named
from relayctl.question import Answer, Question
from relayctl.sources import cells

_HOUR: Final = timedelta(hours=1)
_TICK: Final = timedelta(microseconds=1)


def parameters(question: Question) -> dict[str, Any]:
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


def _whole_hours(question: Question) -> tuple[datetime, datetime]:
    """The part of the period that the hourly rollup can tell; empty where a bucket begins within an hour."""
    since, until = question.period.since, question.period.until
    first, last = _hour_of(since + _HOUR - _TICK), _hour_of(until)
    if first >= last or any(boundary != _hour_of(boundary) for boundary in question.inner_boundaries):
        return since, since
    return first, last


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, kw_only=True)
class PostgresSource:
    """The records that the ETL has loaded into the database at `url`."""

    url: str = field(repr=False)

    def answer(self, question: Question) -> Answer:
        """Raises `EtlError` when the database is down or has no Relay schema."""
        with database.connect(self.url) as connection:
            migrate.check(connection)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with database.translated(connection), connection.transaction():
                as_of = status.as_of(connection)
                rows = connection.execute(named("report_postgres"), parameters(question)).fetchall()
        return Answer(cells=cells.from_rows(rows, question.group_by), as_of=as_of)
