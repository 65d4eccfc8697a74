"""Reports as sheets: their columns, and the header that says what the numbers cover."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from etl.rollup.columns import MEASURES, Measure
from relayctl.render.sheet import UNKNOWN, Column, Kind, Sheet, cell, sparkline
from relayctl.reports import json_documents as documents
from relayctl.reports import ranking
from relayctl.reports.measures import Measures
from relayctl.reports.query import COLUMNS
from relayctl.reports.reports import Leaderboard, Metric, UsageReport
from relayctl.reports.time_range import Period

_MONEY: Final = Column(name="cost_usd", title="cost (USD)", kind="money", weight=8)
_SHARE: Final = Column(name="share_percent", title="share", kind="percent", weight=6)
_TITLES: Final = {
    "requests": ("requests", 7),
    "errors": ("errors", 4),
    "cache_hits": ("answer cache hits", 1),
    "prompt_tokens": ("prompt", 3),
    "completion_tokens": ("completion", 3),
    "total_tokens": ("tokens", 6),
    "cost_usd": ("cost (USD)", 8),
    "unpriced_requests": ("unpriced", 2),
    "latency_ms": ("avg ms", 5),
}
"""The titles and weights of measures; any other has its name as title, and is the first to be dropped."""


def _measure(measure: Measure) -> Column:
    title, weight = _TITLES.get(measure.name, (measure.name.removesuffix("_tokens").replace("_", " "), 0))
    name = f"avg_{measure.name}" if measure.kind == "milliseconds" else measure.name
    kind: Kind = "count" if measure.kind == "tokens" else measure.kind
    unknown = UNKNOWN if measure.nullable else ""
    return Column(name=name, title=title, kind=kind, weight=weight, unknown=unknown)


_MEASURES: Final = {column.name: column for column in map(_measure, MEASURES)}
_NAMES: Final = {
    column: Column(name=column, title=dimension, unknown=UNKNOWN) for dimension, column in COLUMNS.items()
}
_VALUES: Final[dict[Metric, Column]] = {
    "tokens": Column(name="value", title="tokens", kind="count"),
    "cost": Column(name="value", title="cost (USD)", kind="money"),
    "requests": Column(name="value", title="requests", kind="count"),
    "errors": Column(name="value", title="errors", kind="count"),
    "latency": Column(name="value", title="avg ms", kind="milliseconds"),
}
_SAME: Final[dict[Metric, str]] = {"tokens": "total_tokens", "cost": "cost_usd", "requests": "requests"}


def usage_sheet(report: UsageReport) -> Sheet:
    """A usage report, ready to be shown."""
    names = documents.usage_columns(report)
    columns = [_MEASURES.get(name) or _NAMES.get(name) or _bucket(name) for name in names]
    totals: dict[str, object] = dict(documents.measures(report.totals))
    if columns[0].name not in totals:
        totals[columns[0].name] = "total"
    title = "Usage" if report.granularity == "total" else f"Usage by {report.granularity}"
    return Sheet(
        columns=columns,
        rows=documents.usage_rows(report),
        document={"schema": documents.USAGE_SCHEMA} | documents.usage_document(report),
        header=_header(title, report.period, report.as_of, report.totals),
        totals=totals,
    )


def leaderboard_sheet(report: Leaderboard) -> Sheet:
    """A leaderboard, ready to be shown; its totals include the rows below the limit.

    Share and trend are for people; with a comparison the share is in the data formats too.
    """
    compared = report.period_before is not None
    rows = [
        row | {"share_percent": report.share(one), "trend": sparkline(one.trend)}
        for row, one in zip(documents.leaderboard_rows(report), report.rows, strict=True)
    ]
    totals: dict[str, object] = {
        name: report.totals[name] for name in ("requests", "cost_usd", "total_tokens")
    }
    totals |= {report.dimension: f"all {report.dimension}s", "value": report.total_value}
    if compared:
        totals["value_before"] = report.total_before
        totals["change_percent"] = ranking.change(report.total_value, report.total_before)
    return Sheet(
        columns=_leaderboard_columns(report),
        rows=rows,
        document={"schema": documents.LEADERBOARD_SCHEMA} | documents.leaderboard_document(report),
        header=_leaderboard_header(report),
        totals=totals,
        extra=frozenset({_SAME[report.metric]} if report.metric in _SAME else ()),
        only_shown=frozenset({"trend"} if compared else {"trend", "share_percent"}),
    )


def _leaderboard_columns(report: Leaderboard) -> list[Column]:
    """The columns of the contract in its order, then those of a trend, a share and a comparison."""
    value = _VALUES[report.metric]
    columns = [
        Column(name="rank", title="#", kind="rank"),
        Column(name=report.dimension, title=report.dimension, unknown=UNKNOWN),
        value,
    ]
    if any(row.trend for row in report.rows):
        columns.append(Column(name="trend", title="trend", kind="trend", weight=2))
    columns += [_MEASURES[name] for name in ("requests", "cost_usd", "total_tokens")]
    if report.metric != "latency" or report.period_before:
        columns.append(_SHARE)
    if report.period_before:
        columns.append(Column(name="value_before", title="before", kind=value.kind, weight=5))
        columns.append(Column(name="change_percent", title="change", kind="change", weight=8))
    return columns


def _leaderboard_header(report: Leaderboard) -> list[str]:
    title = f"Top {report.dimension}s by {report.metric}"
    lines = _header(title, report.period, report.as_of, report.totals)
    if before := report.period_before:
        lines.insert(1, f"Compared with {_local(before.since, before)} to {_local(before.until, before)}")
    return lines


def _bucket(granularity: str) -> Column:
    return Column(name=granularity, title=granularity, kind="time")


def _header(title: str, period: Period, as_of: datetime | None, totals: Measures) -> list[str]:
    since, until = _local(period.since, period), _local(period.until, period)
    loaded = f"as of {_local(as_of, period)}" if as_of else "not everything loaded yet"
    return [f"{title}, {since} to {until} ({period.tz}), {loaded}", *cost_notes(totals)]


def _local(moment: datetime, period: Period) -> str:
    local = moment.astimezone(period.zone)
    return f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"


def cost_notes(totals: Measures) -> list[str]:
    """Sentences about unpriced and estimated requests; empty when the cost is complete and exact."""
    notes = []
    if totals.unpriced_requests:
        share = ranking.percent(totals.unpriced_requests, totals.requests)
        notes.append(
            f"{totals.unpriced_requests:,} of {totals.requests:,} requests ({cell(_SHARE, share)}) have no "
            "known price; the cost is without them"
        )
    if totals.estimated_requests:
        shown = cell(_MONEY, totals.estimated_cost_usd)
        share = ranking.percent(totals.estimated_cost_usd, totals.cost_usd)
        part = "" if share is None else f", {cell(_SHARE, share)} of the cost"
        notes.append(
            f"{totals.estimated_requests:,} of {totals.requests:,} requests have estimated tokens; "
            f"they cost {shown} USD{part}"
        )
    return notes
