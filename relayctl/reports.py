"""The reports: usage over time, and the leaderboard.

What is no sum (ranks, order, averages) is made here, so that every source gives the same to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, get_args

from relayctl.buckets import Granularity, buckets
from relayctl.errors import InputError
from relayctl.measures import Measures
from relayctl.period import Period
from relayctl.question import DIMENSIONS, Answer, Cell, Dimension, Filters, Question, Source

Metric = Literal["tokens", "cost", "requests", "errors", "latency"]
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)
Value = int | Decimal | None

DEFAULT_LIMIT: Final = 10
LARGEST_LIMIT: Final = 1000


@dataclass(frozen=True, kw_only=True)
class UsageRow:
    """One group: its hour, day, week or month ("" for the total), its names as `group_by` orders them."""

    bucket: str
    names: tuple[str, ...]
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class UsageReport:
    """Usage over time, by bucket and then by name."""

    period: Period
    granularity: Granularity
    group_by: tuple[Dimension, ...]
    rows: Sequence[UsageRow]
    totals: Measures
    as_of: datetime | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeaderboardRow:
    """One contender; `value` is its number in the report's metric, None for an unknown cost."""

    rank: int
    name: str
    value: Value
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """The top consumers; `totals` and `total_value` are of everybody, also of those below the limit."""

    period: Period
    dimension: Dimension
    metric: Metric
    rows: Sequence[LeaderboardRow]
    totals: Measures
    total_value: Value
    as_of: datetime | None
    notes: tuple[str, ...] = ()


_VALUES: Final[dict[Metric, Callable[[Measures], Value]]] = {
    "tokens": lambda measures: measures.total_tokens,
    "cost": lambda measures: measures.cost_usd,
    "requests": lambda measures: measures.requests,
    "errors": lambda measures: measures.errors,
    "latency": lambda measures: measures.avg_latency_ms,
}


def usage_report(
    source: Source,
    period: Period,
    *,
    granularity: Granularity = "day",
    group_by: Sequence[Dimension] = DIMENSIONS,
    filters: Filters = Filters(),  # noqa: B008 - a frozen value
) -> UsageReport:
    """Usage per bucket and group; `()` groups by nothing but time.

    Raises `InputError` for too many buckets, `SourceError` or `EtlError` when the source fails.
    """
    cut = buckets(period, granularity)
    question = Question(period=period, buckets=cut, group_by=_in_order(group_by), filters=filters)
    answer = source.answer(question)
    cells = sorted(answer.cells, key=lambda cell: (cell.bucket, cell.names))
    return UsageReport(
        period=period,
        granularity=granularity,
        group_by=question.group_by,
        rows=[
            UsageRow(bucket=cut[cell.bucket].label, names=cell.names, measures=cell.measures)
            for cell in cells
        ],
        totals=_totals(answer),
        as_of=answer.as_of,
        notes=answer.notes,
    )


def leaderboard(
    source: Source,
    period: Period,
    *,
    dimension: Dimension = "user",
    metric: Metric = "tokens",
    limit: int = DEFAULT_LIMIT,
    filters: Filters = Filters(),  # noqa: B008 - a frozen value
) -> Leaderboard:
    """The `limit` largest by the metric; ties stand by name, an unknown cost after every known one.

    Raises `InputError` for a limit outside 1 to 1000, `SourceError` or `EtlError` when the source fails.
    """
    if not 1 <= limit <= LARGEST_LIMIT:
        raise InputError("limit", f"limit {limit} is not between 1 and {LARGEST_LIMIT}")
    question = Question(
        period=period, buckets=buckets(period, "total"), group_by=(dimension,), filters=filters
    )
    answer = source.answer(question)
    value = _VALUES[metric]
    ranked = sorted(answer.cells, key=lambda cell: _place(cell, value(cell.measures)))
    totals = _totals(answer)
    return Leaderboard(
        period=period,
        dimension=dimension,
        metric=metric,
        rows=[
            LeaderboardRow(rank=rank, name=cell.names[0], value=value(cell.measures), measures=cell.measures)
            for rank, cell in enumerate(ranked[:limit], start=1)
        ],
        totals=totals,
        total_value=value(totals),
        as_of=answer.as_of,
        notes=answer.notes,
    )


def _in_order(group_by: Sequence[Dimension]) -> tuple[Dimension, ...]:
    return tuple(dimension for dimension in DIMENSIONS if dimension in group_by)


def _totals(answer: Answer) -> Measures:
    return Measures.total(cell.measures for cell in answer.cells)


def _place(cell: Cell, value: Value) -> tuple[bool, Decimal | int, str]:
    return (value is None, -(value or 0), cell.names[0])
