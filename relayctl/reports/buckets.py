"""Buckets: a period cut into hours, days, weeks or months as clocks in its time zone show them.

They are half-open intervals in UTC that touch and together are the period, whatever clock changes fall into
it. No database decides where a day begins: every source gets these boundaries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from relayctl.errors import InputError
from relayctl.reports.time_range import Period, start_of_day

Granularity = Literal["hour", "day", "week", "month", "total"]
GRANULARITIES: Final[tuple[Granularity, ...]] = get_args(Granularity)

MOST_BUCKETS: Final = 100_000
_SHORTEST: Final = {"hour": timedelta(minutes=30), "day": timedelta(days=1)}
_SHORTEST_OTHER: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """`start` <= moment < `end`, both UTC; `label` names the whole hour, day, week (its Monday) or month."""

    start: datetime
    end: datetime
    label: str


def buckets(period: Period, granularity: Granularity) -> list[Bucket]:
    """The period cut up, in order, without gaps or overlaps; the first and the last may be cut short.

    Raises `InputError` when there would be more than 100,000.
    """
    if granularity == "total":
        return [Bucket(start=period.since, end=period.until, label="")]
    if period.until - period.since > _shortest(granularity) * MOST_BUCKETS:
        raise InputError(
            "granularity",
            f"the range has over {MOST_BUCKETS:,} {granularity}s: shorten it or take a coarser granularity",
        )
    starts = _hours(period) if granularity == "hour" else _days(period, granularity)
    return list(_clipped(starts, period))


def _shortest(granularity: Granularity) -> timedelta:
    return _SHORTEST.get(granularity, _SHORTEST_OTHER)


def _clipped(starts: Iterator[tuple[datetime, str]], period: Period) -> Iterator[Bucket]:
    start, label = next(starts)
    while start < period.until:
        end, following = next(starts)
        first, last = max(start, period.since), min(end, period.until)
        # A day that a zone skipped (Samoa had no 30 December 2011) is empty.
        if first < last:
            yield Bucket(start=first, end=last, label=label)
        start, label = end, following


def _hours(period: Period) -> Iterator[tuple[datetime, str]]:
    """Where hours begin on the zone's clocks, and where a clock change begins a new one."""
    local = period.since.astimezone(period.zone)
    moment = period.since - _past_the_hour(local)
    if moment.astimezone(period.zone).utcoffset() != local.utcoffset():
        moment = _change(moment, period.since, period.zone)
    while True:
        local = moment.astimezone(period.zone)
        yield moment, _hour_label(local)
        following = moment + _HOUR - _past_the_hour(local)
        if following.astimezone(period.zone).utcoffset() != local.utcoffset():
            following = _change(moment, following, period.zone)
        moment = following


def _hour_label(local: datetime) -> str:
    # With the offset fixed: the full hour itself may lie before a clock change.
    offset = timezone(local.utcoffset() or timedelta(0))
    hour = local.replace(minute=0, second=0, microsecond=0, tzinfo=offset)
    return hour.isoformat().replace("+00:00", "Z")


def _past_the_hour(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second at which the zone has the offset that it has at `after`, but not at `before`."""
    offset = after.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), -int(-after.timestamp() // 1)
    while high - low > 1:
        middle = (low + high) // 2
        same = datetime.fromtimestamp(middle, zone).utcoffset() == offset
        low, high = (low, middle) if same else (middle, high)
    return datetime.fromtimestamp(high, UTC)


def _days(period: Period, granularity: Granularity) -> Iterator[tuple[datetime, str]]:
    """Where days, weeks or months begin; the first one begins at or before the period."""
    # A day earlier: clocks that go back over midnight show yesterday's date once more.
    day = period.since.astimezone(period.zone).date() - timedelta(days=1)
    if granularity == "week":
        day -= timedelta(days=day.weekday())
    elif granularity == "month":
        day = day.replace(day=1)
    while True:
        yield start_of_day(day, period.zone), f"{day:%Y-%m}" if granularity == "month" else day.isoformat()
        day = _following(day, granularity)


def _following(day: date, granularity: Granularity) -> date:
    if granularity == "month":
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if granularity == "week" else 1)
