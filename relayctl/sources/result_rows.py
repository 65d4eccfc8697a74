"""The border between questions, cells and a database: both sources ask and answer in these terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from relayctl.reports.measures import Measures
from relayctl.reports.query import DIMENSIONS, Cell, Dimension, Latency, ReportQuery


def parameters(question: ReportQuery) -> dict[str, Any]:
    """What both databases are asked with: the dimensions to group by, and the filters (None: everything)."""
    return {
        "by_user": "user" in question.group_by,
        "by_team": "team" in question.group_by,
        "by_model": "model" in question.group_by,
        **filters(question),
    }


def filters(question: ReportQuery) -> dict[str, list[str] | None]:
    """Whose requests are asked for; None: everybody's."""
    filters = question.filters
    return {
        "users": list(filters.users) or None,
        "teams": list(filters.teams) or None,
        "models": list(filters.models) or None,
    }


def from_rows(rows: Iterable[Sequence[Any]], group_by: tuple[Dimension, ...]) -> list[Cell]:
    """Cells from rows of: bucket, user, team, model, then the measures as `Measures` orders them."""
    positions = [1 + DIMENSIONS.index(dimension) for dimension in group_by]
    return [
        Cell(bucket=row[0], names=tuple(row[position] for position in positions), measures=_measures(row[4:]))
        for row in rows
    ]


def latencies(rows: Iterable[Sequence[Any]]) -> list[Latency]:
    """From rows of: model (None: all of them), requests, then the percentiles as `Latency` orders them."""
    return [
        Latency(
            model=row[0] or "",
            requests=row[1],
            p50_ms=Decimal(row[2]),
            p90_ms=Decimal(row[3]),
            p95_ms=Decimal(row[4]),
            p99_ms=Decimal(row[5]),
            ttft_p50_ms=_decimal(row[6]),
            ttft_p95_ms=_decimal(row[7]),
        )
        for row in rows
    ]


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _measures(row: Sequence[Any]) -> Measures:
    return Measures(
        requests=row[0],
        errors=row[1],
        cache_hits=row[2],
        prompt_tokens=int(row[3]),
        completion_tokens=int(row[4]),
        total_tokens=int(row[5]),
        cost_usd=_decimal(row[6]),
        unpriced_requests=row[7],
        estimated_requests=row[8],
        estimated_cost_usd=Decimal(row[9]),
        latency_ms=Decimal(row[10]),
    )
