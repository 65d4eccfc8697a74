"""Reports as the JSON objects of the public contract: the same ones over HTTP and from `-o json`.

Money keeps its exact decimal digits: it is written as a number and never passes through a float.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from etl.rollup import columns
from proxy.segments.record import money_text
from relayctl.reports import ranking
from relayctl.reports.measures import Measures
from relayctl.reports.query import COLUMNS
from relayctl.reports.reports import Leaderboard, LeaderboardRow, UsageReport
from relayctl.reports.time_range import Period

USAGE_SCHEMA: Final = "relay.usage/v1"
LEADERBOARD_SCHEMA: Final = "relay.leaderboard/v1"
_NOT_SHOWN: Final = {"estimated_requests", "estimated_cost_usd"}
MEASURES: Final = tuple(
    f"avg_{one.name}" if one.kind == "milliseconds" else one.name
    for one in columns.MEASURES
    if one.name not in _NOT_SHOWN
)
"""The measures of a usage row, in the order in which every format has them; durations as averages."""

Row = dict[str, Any]


def time_label(moment: datetime) -> str:
    """RFC 3339 in UTC; microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def usage_columns(report: UsageReport) -> list[str]:
    """The columns of a usage report in order: the bucket, the names, the measures."""
    bucket = [] if report.granularity == "total" else [report.granularity]
    names = [COLUMNS[dimension] for dimension in report.group_by]
    return [*bucket, *names, *MEASURES]


def usage_rows(report: UsageReport) -> list[Row]:
    """The rows of a usage report, each with all of `usage_columns`."""
    return [
        ({} if report.granularity == "total" else {report.granularity: row.bucket})
        | {COLUMNS[dimension]: row.group[dimension] for dimension in report.group_by}
        | measures(row.measures)
        for row in report.rows
    ]


def leaderboard_rows(report: Leaderboard) -> list[Row]:
    """The rows of a leaderboard, columns in order; those of a comparison only where there is one."""
    return [
        {
            "rank": row.rank,
            report.dimension: row.name,
            "value": row.value,
            "requests": row.measures.requests,
            "cost_usd": row.measures.cost_usd,
            "total_tokens": row.measures.total_tokens,
            **(_compared(report, row) if report.period_before else {}),
        }
        for row in report.rows
    ]


def _compared(report: Leaderboard, row: LeaderboardRow) -> Row:
    return {
        "share_percent": report.share(row),
        "value_before": row.before,
        "change_percent": ranking.change(row.value, row.before),
    }


def measures(values: Measures) -> Row:
    """The measures by name."""
    return {name: values[name] for name in MEASURES}


def usage_document(report: UsageReport) -> Row:
    """The object of `GET /internal/usage`."""
    return {
        "rows": usage_rows(report),
        "totals": measures(report.totals),
        "range": _range(report.period),
        "as_of": report.as_of and time_label(report.as_of),
    }


def leaderboard_document(report: Leaderboard) -> Row:
    """The object of `GET /internal/usage/leaderboard`."""
    return {
        "dimension": report.dimension,
        "metric": report.metric,
        "rows": leaderboard_rows(report),
        "range": _range(report.period),
        **({"range_before": _range(report.period_before)} if report.period_before else {}),
        "as_of": report.as_of and time_label(report.as_of),
    }


def _range(period: Period) -> Row:
    return {"since": time_label(period.since), "until": time_label(period.until), "tz": period.tz}


def encode(value: object) -> bytes:
    """JSON without white space; a Decimal is a number in plain digits, without exponent or trailing zeros."""
    return msgspec.json.encode(_plain(value))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return msgspec.Raw(money_text(value).encode())
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
