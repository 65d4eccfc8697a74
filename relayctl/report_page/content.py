"""The content of a report page: the reports of other commands, from one state of the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from relayctl.alerts import budgets
from relayctl.reports import reports
from relayctl.reports.buckets import buckets
from relayctl.reports.query import (
    DEFAULT_GROUP_BY,
    Answer,
    Dimension,
    Filters,
    Latencies,
    Records,
    ReportQuery,
    Source,
)
from relayctl.reports.reports import Leaderboard, Metric, UsageReport
from relayctl.reports.time_range import Period

_METRICS: Final[tuple[Metric, ...]] = ("cost", "tokens")


@dataclass(frozen=True, kw_only=True)
class Content:
    """Everything on the page. `budgets` is None without a budgets file."""

    period: Period
    filters: Filters
    made_at: datetime
    days: UsageReport
    by_team: UsageReport
    by_model: UsageReport
    models: UsageReport
    leaderboards: Sequence[Leaderboard]
    latencies: Latencies
    budgets: Sequence[budgets.BudgetUsage] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Snapshot:
    """A source that answers every query from the same records."""

    records: Records

    def answer(self, query: ReportQuery) -> Answer:
        return self.records.answer(query)

    @contextmanager
    def opened(self, _query: ReportQuery) -> Iterator[Records]:
        yield self.records


def gather(
    source: Source, period: Period, *, filters: Filters, now: datetime, budgets_file: Path | None
) -> Content:
    """Queries everything. Raises `InputError`, `SourceError` or `EtlError`.

    Budgets are queried separately: their days and months are not the report's.
    """
    query = ReportQuery(
        period=period, buckets=buckets(period, "day"), group_by=DEFAULT_GROUP_BY, filters=filters
    )
    with source.opened(query) as records:
        state = _Snapshot(records=records)

        def daily(*group_by: Dimension) -> UsageReport:
            return reports.usage_report(state, period, group_by=group_by, filters=filters)

        days = daily()
        return Content(
            period=period,
            filters=filters,
            made_at=now,
            days=days,
            by_team=daily("team"),
            by_model=daily("model"),
            models=reports.usage_report(
                state, period, granularity="total", group_by=("model",), filters=filters
            ),
            leaderboards=[
                reports.leaderboard(state, period, dimension=dimension, metric=metric, filters=filters)
                for dimension in DEFAULT_GROUP_BY
                for metric in _METRICS
            ],
            latencies=records.latencies(query),
            budgets=budgets.evaluate_file(source, budgets_file, now).usages if budgets_file else None,
            notes=days.notes,
        )
