"""The reports: usage over time, and the leaderboard.

Ranks, order and averages are computed here, so that every source gives the same to the last digit.
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
from relayctl.reports.query import (
    DEFAULT_GROUP_BY,
    DIMENSIONS,
    Answer,
    Dimension,
    Filters,
    Group,
    Records,
    ReportQuery,
    ResultRow,
    Source,
)
from relayctl.reports.ranking import Value
from relayctl.reports.time_range import Period, before

Metric = Literal["tokens", "cost", "requests", "errors", "latency"]
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)

DEFAULT_LIMIT: Final = 10
LARGEST_LIMIT: Final = 1000


@dataclass(frozen=True, kw_only=True)
class UsageRow(Group):
    """A group, and its hour, day, week or month ("" for the total)."""

    bucket: str


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
    """One member of the dimension; `value` is its number in the report's metric, None for an unknown cost.

    `before` is that number in the period before, None where it is unknown or not compared; `trend` are its
    numbers in each slice of the period, empty without a trend. `name` is None where it is not known.
    """

    rank: int
    name: str | None
    value: Value
    measures: Measures
    before: Value = None
    trend: Sequence[Value] = ()


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """The top consumers; `totals`, `total_value` and `total_before` include rows below the limit.

    `period_before` is the period it is compared with, None without a comparison.
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
        """Percent of the total; None for a metric that is not a sum."""
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
    group_by: Sequence[Dimension] = DEFAULT_GROUP_BY,
    filters: Filters = Filters(),  # noqa: B008 - a frozen value
) -> UsageReport:
    """Usage per bucket and group; `()` groups by nothing but time.

    Raises `InputError` for too many buckets, `SourceError` or `EtlError` when the source fails.
    """
    cut = buckets(period, granularity)
    query = ReportQuery(period=period, buckets=cut, group_by=_in_order(group_by), filters=filters)
    answer = source.answer(query)
    rows = sorted(answer.rows, key=lambda row: (row.bucket, _by_name(row.names)))
    return UsageReport(
        period=period,
        granularity=granularity,
        group_by=query.group_by,
        rows=[UsageRow(bucket=cut[row.bucket].label, group=row.group, measures=row.measures) for row in rows],
        totals=_totals(answer),
        as_of=answer.as_of,
        notes=(*answer.notes, *_unknown_tokens(answer)),
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
    """The `limit` largest by the metric; ties are sorted by name, unknown costs come last.

    With `compare` each row has its number in the period before, with `trend` its numbers over time.
    Raises `InputError` for a limit outside 1 to 1000, `SourceError` or `EtlError` when the source fails.
    """
    if not 1 <= limit <= LARGEST_LIMIT:
        raise InputError("limit", f"limit {limit} is not between 1 and {LARGEST_LIMIT}")
    cut = ranking.slices(period) if trend else buckets(period, "total")
    query = ReportQuery(period=period, buckets=cut, group_by=(dimension,), filters=filters)
    value = _VALUES[metric]
    with source.opened(query) as records:
        answer = records.answer(replace(query, buckets=buckets(period, "total")))
        ranked = sorted(answer.rows, key=lambda row: _rank_key(row, value(row.measures)))[:limit]
        trends = _trends(records, query, [row.names[0] for row in ranked], value) if trend else {}
    earlier = _in_total(source, before(period), query) if compare else None
    known = {row.names[0]: value(row.measures) for row in earlier.rows} if earlier else {}
    nothing = value(Measures.total(())) if earlier else None  # no request in the period before: a known 0
    totals = _totals(answer)
    return Leaderboard(
        period=period,
        dimension=dimension,
        metric=metric,
        rows=[
            LeaderboardRow(
                rank=rank,
                name=row.names[0],
                value=value(row.measures),
                measures=row.measures,
                before=known.get(row.names[0], nothing),
                trend=trends.get(row.names[0], ()),
            )
            for rank, row in enumerate(ranked, start=1)
        ],
        totals=totals,
        total_value=value(totals),
        as_of=answer.as_of,
        notes=tuple(dict.fromkeys((*answer.notes, *(earlier.notes if earlier else ())))),
        period_before=before(period) if compare else None,
        total_before=value(_totals(earlier)) if earlier else None,
    )


def _trends(
    records: Records, query: ReportQuery, names: list[str | None], value: Callable[[Measures], Value]
) -> dict[str | None, list[Value]]:
    """The numbers of these names in each bucket of the query; empty where it has only one bucket."""
    if len(query.buckets) < 2 or not names:
        return {}
    # A filter cannot select the name that is not known: then all names are queried.
    filters = query.filters
    if None not in names:
        filters = filters.replaced(query.group_by[0], [name for name in names if name is not None])
    trends: dict[str | None, list[Value]] = {name: [None] * len(query.buckets) for name in names}
    for row in records.answer(replace(query, filters=filters)).rows:
        if row.names[0] in trends:
            trends[row.names[0]][row.bucket] = value(row.measures)
    return trends


def _in_total(source: Source, period: Period, query: ReportQuery) -> Answer:
    return source.answer(replace(query, period=period, buckets=buckets(period, "total")))


def _in_order(group_by: Sequence[Dimension]) -> tuple[Dimension, ...]:
    return tuple(dimension for dimension in DIMENSIONS if dimension in group_by)


def _totals(answer: Answer) -> Measures:
    return Measures.total(row.measures for row in answer.rows)


def _unknown_tokens(answer: Answer) -> tuple[str, ...]:
    requests = answer.coarse_requests
    note = f"{requests:,} requests have no known cache and reasoning tokens: the sums are without theirs"
    return (note,) if requests else ()


def _by_name(names: Sequence[str | None]) -> list[tuple[bool, str]]:
    """A sort key: unknown names after all others."""
    return [(name is None, name or "") for name in names]


def _rank_key(row: ResultRow, value: Value) -> tuple[bool, Decimal | int, list[tuple[bool, str]]]:
    return (value is None, -(value or 0), _by_name(row.names))
