"""Ranking: shares of a whole, changes between two values, and the slices that a trend is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from relayctl.reports.buckets import Bucket, Granularity, buckets
from relayctl.reports.time_range import Period

Value = int | Decimal | None

MOST_SLICES: Final = 31
"""A month of days; about as many signs as a narrow terminal has room for."""

_PLACES: Final = Decimal("0.01")
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_UP)
_FINEST: Final[dict[Granularity, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


def percent(part: Value, whole: Value) -> Decimal | None:
    """The part in percent of the whole, half-up to two places; None for an unknown part or no whole."""
    if part is None or not whole:
        return None
    return _WIDE.divide(_WIDE.multiply(Decimal(part), Decimal(100)), Decimal(whole)).quantize(
        _PLACES, context=_WIDE
    )


def change(value: Value, before: Value) -> Decimal | None:
    """By how many percent the value grew since before; None for a first one, or an unknown one."""
    grown = percent(value, before)
    return None if grown is None else grown - 100


def slices(period: Period) -> list[Bucket]:
    """The period in at most 31 parts, equal but for the first and the last: UTC hours, days, weeks or months.

    UTC, because a rollup has UTC hours; a trend shows the shape, not the days of a time zone.
    """
    utc = replace(period, zone=ZoneInfo("UTC"))
    length = period.until - period.since
    fitting: list[Granularity] = [
        name for name, unit in _FINEST.items() if length <= unit * (MOST_SLICES - 1)
    ]
    cut = buckets(utc, fitting[0] if fitting else "month")
    together = -(-len(cut) // MOST_SLICES) or 1
    return [_joined(cut[at : at + together]) for at in range(0, len(cut), together)]


def _joined(parts: Sequence[Bucket]) -> Bucket:
    return replace(parts[0], end=parts[-1].end)
