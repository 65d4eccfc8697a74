"""Converts queries to the parameters of SQL statements, and database rows, by column name, to result rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from relayctl.reports.measures import Measures
from relayctl.reports.query import COLUMNS, DIMENSIONS, Dimension, Latency, ReportQuery, ResultRow


def parameters(query: ReportQuery) -> dict[str, Any]:
    """The parameters `by_<dimension>`, whether to group by it, and those of `filters`."""
    return {f"by_{dimension}": dimension in query.group_by for dimension in DIMENSIONS} | filters(query)


def filters(query: ReportQuery) -> dict[str, list[str] | None]:
    """The parameters `only_<dimension>`: the values to select; None selects all."""
    return {f"only_{dimension}": list(query.filters.of(dimension)) or None for dimension in DIMENSIONS}


def from_rows(rows: Iterable[Mapping[str, Any]], group_by: tuple[Dimension, ...]) -> list[ResultRow]:
    """From rows with `bucket`, the column of each dimension in `group_by`, and every measure."""
    return [
        ResultRow(
            bucket=row["bucket"],
            group={dimension: row[COLUMNS[dimension]] for dimension in group_by},
            measures=Measures.from_row(row),
        )
        for row in rows
    ]


def latencies(rows: Iterable[Mapping[str, Any]]) -> list[Latency]:
    """From rows with the fields of `Latency`; the model is NULL for all models together."""
    return [
        Latency(
            model=row["model"] or "",
            requests=row["requests"],
            p50_ms=Decimal(row["p50_ms"]),
            p90_ms=Decimal(row["p90_ms"]),
            p95_ms=Decimal(row["p95_ms"]),
            p99_ms=Decimal(row["p99_ms"]),
            ttft_p50_ms=_decimal(row["ttft_p50_ms"]),
            ttft_p95_ms=_decimal(row["ttft_p95_ms"]),
        )
        for row in rows
    ]


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def whole_hours(query: ReportQuery) -> tuple[datetime, datetime]:
    """The part of the period that hourly sums cover; empty where a bucket begins within an hour."""
    since, until = query.period.since, query.period.until
    first, last = _hour_of(since + timedelta(hours=1) - timedelta.resolution), _hour_of(until)
    if first >= last or any(boundary != _hour_of(boundary) for boundary in query.inner_boundaries):
        return since, since
    return first, last


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
