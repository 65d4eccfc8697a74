"""Reports from PostgreSQL: whole hours from the rollup, the rest of a period from the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import dict_row

from etl.database import connection as database
from etl.database import migrations as migrate
from etl.database.queries import named
from etl.load import status
from etl.rollup import columns
from relayctl.reports.query import (
    COLUMNS,
    DEFAULT_GROUP_BY,
    DIMENSIONS,
    Answer,
    Dimension,
    Latencies,
    ReportQuery,
)
from relayctl.sources import result_rows

_NEWER: Final = tuple(dimension for dimension in DIMENSIONS if dimension not in DEFAULT_GROUP_BY)
"""The dimensions that rollups of pruned months may lack."""


def _filtered(dimensions: Iterable[Dimension]) -> str:
    return " AND ".join(
        f"(%(only_{one})s::text[] IS NULL OR {COLUMNS[one]} = ANY (%(only_{one})s))" for one in dimensions
    )


SQL: Final = {
    **columns.SQL,
    "grouped": ", ".join(
        f"CASE WHEN %(by_{one})s THEN {column} END AS {column}" for one, column in COLUMNS.items()
    ),
    "filters": _filtered(DIMENSIONS),
    "older_filters": _filtered(DEFAULT_GROUP_BY),
}
"""The lists for the placeholders in this source's statements."""


def parameters(query: ReportQuery) -> dict[str, Any]:
    """The parameters of `report_postgres`."""
    hours_from, hours_until = result_rows.whole_hours(query)
    return {
        "since": query.period.since,
        "until": query.period.until,
        "hours_from": hours_from,
        "hours_until": hours_until,
        "inner_boundaries": query.inner_boundaries,
        **result_rows.parameters(query),
    }


def _missing(query: ReportQuery, pruned_before: datetime | None) -> tuple[str, ...]:
    """What the report lacks: parts of hours before the prune horizon, whose records are pruned."""
    hours_from, hours_until = result_rows.whole_hours(query)
    period = query.period
    parts = ((period.since, hours_from), (max(hours_until, period.since), period.until))
    if pruned_before is None or not any(since < min(until, pruned_before) for since, until in parts):
        return ()
    note = (
        f"records before {pruned_before:%F %T}Z may be pruned: of hours that the range or one of its buckets "
        "cuts, the part before that is missing; UTC and whole hours show everything"
    )
    return (note,)


def _unknown(query: ReportQuery, coarse: Mapping[str, Any]) -> tuple[str, ...]:
    """What the report cannot say about pruned months, whose rollups lack the newer dimensions."""
    grouped = [one for one in _NEWER if one in query.group_by]
    filtered = [one for one in _NEWER if query.filters.of(one)]
    if not coarse["requests"] or not (grouped or filtered):
        return ()
    about = f"{coarse['requests']:,} requests before {coarse['since']:%F %T}Z have no known"
    if filtered:
        return (f"{about} {' and '.join(filtered)}: they are left out",)
    return (f"{about} {' and '.join(grouped)}: they are shown as unknown",)


@dataclass(frozen=True, kw_only=True)
class PostgresRecords:
    """The records as of one snapshot of the database."""

    connection: psycopg.Connection

    def answer(self, query: ReportQuery) -> Answer:
        """For any query, not only one within the opened one."""
        rows = self._rows("report_postgres", parameters(query))
        (coarse,) = self._rows("requests_of_unknown_dimensions", parameters(query))
        return Answer(
            rows=result_rows.from_rows(rows, query.group_by),
            as_of=status.as_of(self.connection),
            coarse_requests=coarse["requests"] or 0,
            notes=(*_missing(query, self._pruned_before()), *_unknown(query, coarse)),
        )

    def latencies(self, query: ReportQuery) -> Latencies:
        """For any query; pruned records are not in it."""
        period = query.period
        given = {"since": period.since, "until": period.until, **result_rows.filters(query)}
        rows = self._rows("report_postgres_latencies", given)
        pruned = self._pruned_before()
        return Latencies(
            rows=result_rows.latencies(rows), since=pruned if pruned and pruned > period.since else None
        )

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(named(statement, **SQL), parameters).fetchall()

    def _pruned_before(self) -> datetime | None:
        found: datetime | None = self.connection.execute(named("pruned_before")).fetchall()[0][0]
        return found


@dataclass(frozen=True, kw_only=True)
class PostgresSource:
    """The records that the ETL has loaded into the database at `url`."""

    url: str = field(repr=False)

    def answer(self, query: ReportQuery) -> Answer:
        """Raises `EtlError` when the database is down or has no Relay schema."""
        with self.opened(query) as records:
            return records.answer(query)

    @contextmanager
    def opened(self, _query: ReportQuery) -> Iterator[PostgresRecords]:
        """One snapshot, for any query. Raises as `answer` does."""
        with database.connect(self.url) as connection:
            migrate.check_schema(connection)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with database.translate_errors(connection), connection.transaction():
                yield PostgresRecords(connection=connection)
