"""The reports: usage over time, and the leaderboard.

What is no sum (ranks, order, averages) is made here, so that every source gives the same to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, get_args

from relayctl.errors import InputError
from relayctl.reports import ranking
from relayctl.reports.buckets import Granularity, buckets
from relayctl.reports.measures import Measures
from relayctl.reports.query import DIMENSIONS, Answer, Cell, Dimension, Filters, Records, ReportQuery, Source
from relayctl.reports.ranking import Value
from relayctl.reports.time_range import Period, before

Metric = Literal["tokens", "cost", "requests", "errors", "latency"]
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)

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
    """One contender; `value` is its number in the report's metric, None for an unknown cost.

    `before` is that number in the period before, None where it is unknown or was not asked for; `trend`
    are its numbers in each slice of the period, empty where that was not asked for.
    """

    rank: int
    name: str
    value: Value
    measures: Measures
    before: Value = None
    trend: Sequence[Value] = ()


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """The top consumers; `totals`, `total_value` and `total_before` are of everybody, also below the limit.

    `period_before` is what it was compared with, None when it was not.
    """

    period: Period
    dimension: Dimension
    metric: Metric
    rows: Sequence[LeaderboardRow]
    totals: Measures
    total_value: Value
    as_of: datetime | None
    notes: tuple[str, ...] = ()
    period_before: Period | None = None
    total_before: Value = None

    def share(self, row: LeaderboardRow) -> Decimal | None:
        """Percent of everybody's; None of a metric that is no sum."""
        return None if self.metric == "latency" else ranking.percent(row.value, self.total_value)


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
    question = ReportQuery(period=period, buckets=cut, group_by=_in_order(group_by), filters=filters)
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
    compare: bool = False,
    trend: bool = False,
) -> Leaderboard:
    """The `limit` largest by the metric; ties stand by name, an unknown cost after every known one.

    With `compare` each one's number in the period before, with `trend` its course.
    Raises `InputError` for a limit outside 1 to 1000, `SourceError` or `EtlError` when the source fails.
    """
    if not 1 <= limit <= LARGEST_LIMIT:
        raise InputError("limit", f"limit {limit} is not between 1 and {LARGEST_LIMIT}")
    cut = ranking.slices(period) if trend else buckets(period, "total")
    question = ReportQuery(period=period, buckets=cut, group_by=(dimension,), filters=filters)
    value = _VALUES[metric]
    with source.opened(question) as records:
        answer = records.answer(replace(question, buckets=buckets(period, "total")))
        ranked = sorted(answer.cells, key=lambda cell: _place(cell, value(cell.measures)))[:limit]
        courses = _courses(records, question, [cell.names[0] for cell in ranked], value)
    earlier = _in_total(source, before(period), question) if compare else None
    known = {cell.names[0]: value(cell.measures) for cell in earlier.cells} if earlier else {}
    nothing = value(Measures.total(())) if earlier else None  # who asked for nothing then, spent nothing
    totals = _totals(answer)
    return Leaderboard(
        period=period,
        dimension=dimension,
        metric=metric,
        rows=[
            LeaderboardRow(
                rank=rank,
                name=cell.names[0],
                value=value(cell.measures),
                measures=cell.measures,
                before=known.get(cell.names[0], nothing),
                trend=courses.get(cell.names[0], ()),
            )
            for rank, cell in enumerate(ranked, start=1)
        ],
        totals=totals,
        total_value=value(totals),
        as_of=answer.as_of,
        notes=tuple(dict.fromkeys((*answer.notes, *(earlier.notes if earlier else ())))),
        period_before=before(period) if compare else None,
        total_before=value(_totals(earlier)) if earlier else None,
    )


def _courses(
    records: Records, question: ReportQuery, names: list[str], value: Callable[[Measures], Value]
) -> dict[str, list[Value]]:
    """The numbers of these contenders in each bucket of the question; nothing where it has only one."""
    if len(question.buckets) < 2 or not names:
        return {}
    asked = replace(question.filters, **{f"{question.group_by[0]}s": tuple(names)})
    courses: dict[str, list[Value]] = {name: [None] * len(question.buckets) for name in names}
    for cell in records.answer(replace(question, filters=asked)).cells:
        courses[cell.names[0]][cell.bucket] = value(cell.measures)
    return courses


def _in_total(source: Source, period: Period, question: ReportQuery) -> Answer:
    return source.answer(replace(question, period=period, buckets=buckets(period, "total")))


def _in_order(group_by: Sequence[Dimension]) -> tuple[Dimension, ...]:
    return tuple(dimension for dimension in DIMENSIONS if dimension in group_by)


def _totals(answer: Answer) -> Measures:
    return Measures.total(cell.measures for cell in answer.cells)


def _place(cell: Cell, value: Value) -> tuple[bool, Decimal | int, str]:
    return (value is None, -(value or 0), cell.names[0])
