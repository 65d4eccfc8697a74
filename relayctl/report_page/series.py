"""The series of the charts: numbers per day and name; small names are combined, so that colours stay few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from relayctl.render.sheet import printable
from relayctl.reports.buckets import buckets
from relayctl.reports.measures import Measures, exact_sum
from relayctl.reports.ranking import percent
from relayctl.reports.reports import UsageReport

MOST_NAMES: Final = 8
Number = int | Decimal
Of = Callable[[Measures], Number | None]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One name's number for each day; None: not known."""

    name: str
    values: Sequence[Number | None]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The series of each name over the days; the last one combines `others` names."""

    days: Sequence[str]
    series: Sequence[Series]
    others: int = 0


def cost(measures: Measures) -> Number | None:
    """USD; None when no request has a known price."""
    return measures.cost_usd


def tokens(measures: Measures) -> Number | None:
    """Prompt and completion tokens."""
    return measures.total_tokens


def days_of(report: UsageReport) -> list[str]:
    """Every day of the range, including those without requests."""
    return [bucket.label for bucket in buckets(report.period, "day")]


def by_name(report: UsageReport, of: Of) -> Chart:
    """The names with the largest sums, with a number per day each, and all others combined."""
    days = days_of(report)
    places = {day: place for place, day in enumerate(days)}
    values: dict[str, list[Number | None]] = {}
    for row in report.rows:
        values.setdefault(row.names[0] or "", [0] * len(days))[places[row.bucket]] = of(row.measures)
    ranked = sorted(values, key=lambda name: (-_sum(values[name]), name))
    shown = ranked if len(ranked) <= MOST_NAMES + 1 else ranked[:MOST_NAMES]
    rest = ranked[len(shown) :]
    series = [Series(name=printable(name), values=values[name]) for name in shown]
    if rest:
        together = [_sum([values[name][place] for name in rest]) for place in range(len(days))]
        series.append(Series(name=f"{len(rest)} others", values=together))
    return Chart(days=days, series=series, others=len(rest))


def _sum(values: Sequence[Number | None]) -> Decimal:
    return exact_sum(Decimal(value) for value in values if value is not None)


def rates(report: UsageReport) -> Chart:
    """The percentages of errors and of answer cache hits per day; None on days without a request."""
    days = days_of(report)
    measures = {row.bucket: row.measures for row in report.rows}

    def share(of: Of) -> list[Number | None]:
        found = (measures.get(day) for day in days)
        return [percent(of(one), one.requests) if one else None for one in found]

    errors = Series(name="errors", values=share(lambda one: one.errors))
    cached = Series(name="from the cache", values=share(lambda one: one.cache_hits))
    return Chart(days=days, series=[errors, cached])
