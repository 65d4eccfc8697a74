"""Periods: what `since`, `until` and `tz` mean, as two moments in UTC and a time zone.

`since` is inclusive and `until` exclusive. Words and dates mean the moment at which they begin in
the time zone, so last month alone is `--since last-month --until mtd`. Ages are exact: a `d` is 24 hours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from relayctl.errors import InputError

DEFAULT_AGE: Final = timedelta(days=7)
"""A report without `since` begins this long before its end."""

_EXPECTED: Final = (
    "a date (2026-11-01), an RFC 3339 time (2026-11-01T09:30:00Z), an age (30m, 24h, 7d, 4w), "
    "now, today, yesterday, mtd or last-month"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(?P<offset>[Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
_AGE = re.compile(r"(?P<count>\d{1,9})(?P<unit>[mhdw])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_YEARS: Final = range(1900, 9990)


@dataclass(frozen=True, kw_only=True)
class Period:
    """`since` <= moment < `until`, both aware UTC; `zone` says where days begin."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.until < self.since:
            raise InputError("until", f"until ({self.until:%F %T}Z) is before since ({self.since:%F %T}Z)")

    @property
    def tz(self) -> str:
        """The time zone's IANA name."""
        return str(self.zone)


def zone_named(name: str) -> ZoneInfo:
    """The IANA time zone. Raises `InputError` with the names that come close."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # OSError: `Europe` is a folder of zones.
        import difflib  # noqa: PLC0415 - for this mistake alone

        close = difflib.get_close_matches(name, available_timezones(), n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise InputError("tz", f"{name!r} is not an IANA time zone such as Europe/Berlin{hint}") from None


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which clocks in the zone show this day's midnight or later.

    Where a clock change swallows midnight that is the change itself.
    """
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - compared with wall clocks
    moment = midnight.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == midnight:
        return moment
    before = int(moment.timestamp()) - 48 * 3600
    after = int(moment.timestamp())
    while after - before > 1:
        middle = (before + after) // 2
        shown = datetime.fromtimestamp(middle, zone).replace(tzinfo=None)
        before, after = (before, middle) if shown >= midnight else (middle, after)
    return datetime.fromtimestamp(after, UTC)


def period(*, since: str | None, until: str | None, tz: str, now: datetime) -> Period:
    """The period that three texts mean; without `until` it ends now, without `since` it is seven days long.

    Raises `InputError` for texts that mean nothing and for an end before the beginning.
    """
    zone = zone_named(tz)
    end = _moment("until", until, zone, now) if until else now.astimezone(UTC)
    start = _moment("since", since, zone, now) if since else end - DEFAULT_AGE
    return Period(since=start, until=end, zone=zone)


def before(period: Period) -> Period:
    """The period before: as many whole months or days before whole months or days, else the same duration.

    So November is compared with October, and a day of 25 hours with the whole day before it.
    """
    try:
        return Period(since=_start_before(period), until=period.since, zone=period.zone)
    except (ValueError, OverflowError):
        raise InputError("since", "there is no period of the same length before this one") from None


def _start_before(period: Period) -> datetime:
    first, last = (moment.astimezone(period.zone) for moment in (period.since, period.until))
    whole = all(start_of_day(local.date(), period.zone) == local for local in (first, last))
    if whole and first.day == last.day == 1 and first.date() < last.date():
        months = (last.year - first.year) * 12 + last.month - first.month
        at = first.year * 12 + first.month - 1 - months
        return start_of_day(date(at // 12, at % 12 + 1, 1), period.zone)
    if whole:
        return start_of_day(first.date() - (last.date() - first.date()), period.zone)
    return period.since - (period.until - period.since)


def _moment(parameter: str, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    wrong = InputError(parameter, f"{parameter} {text!r} is none of: {_EXPECTED}")
    try:
        moment = _word(text, zone, now) or _age(text, now) or _date_or_time(parameter, text, zone)
    except (ValueError, OverflowError):
        raise wrong from None
    if moment is None:
        raise wrong
    if moment.year not in _YEARS:
        raise InputError(parameter, f"{parameter} {text!r} is not in the years 1900 to 9989")
    return moment


def _word(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    today = now.astimezone(zone).date()
    first = today.replace(day=1)
    days = {
        "today": today,
        "yesterday": today - timedelta(days=1),
        "mtd": first,
        "last-month": (first - timedelta(days=1)).replace(day=1),
    }
    if text == "now":
        return now.astimezone(UTC)
    return start_of_day(days[text], zone) if text in days else None


def _age(text: str, now: datetime) -> datetime | None:
    match = _AGE.fullmatch(text)
    if match is None:
        return None
    return now.astimezone(UTC) - timedelta(**{_UNITS[match["unit"]]: int(match["count"])})


def _date_or_time(parameter: str, text: str, zone: ZoneInfo) -> datetime | None:
    if _DATE.fullmatch(text):
        return start_of_day(date.fromisoformat(text), zone)
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    if match["offset"] is None:
        raise InputError(parameter, f"{parameter} {text!r} has no offset: write {text}Z or {text}+01:00")
    return datetime.fromisoformat(text.upper()).astimezone(UTC)
