"""Periods and buckets: what dates, words and ages mean, and that buckets are the range, in every zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayctl.errors import InputError
from relayctl.reports.buckets import GRANULARITIES, Granularity, buckets
from relayctl.reports.time_range import Period, before, period, zone_named

NOW = datetime(2026, 11, 23, 9, 30, 15, 250_000, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime"})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "tz", "expected"),
    [
        ("2026-11-01", "UTC", "2026-11-01T00:00:00Z"),
        ("2026-11-01", "America/New_York", "2026-11-01T04:00:00Z"),
        ("2026-11-02", "America/New_York", "2026-11-02T05:00:00Z"),  # the clocks went back on the first
        ("2026-11-01T09:30:00Z", "Asia/Tokyo", "2026-11-01T09:30:00Z"),  # the offset is the text's own
        ("2026-11-01t09:30:00.25+05:30", "UTC", "2026-11-01T04:00:00.250000Z"),
        ("24h", "UTC", "2026-11-22T09:30:15.250000Z"),
        ("30m", "UTC", "2026-11-23T09:00:15.250000Z"),
        ("7d", "Asia/Tokyo", "2026-11-16T09:30:15.250000Z"),
        ("2w", "UTC", "2026-11-09T09:30:15.250000Z"),
        ("now", "UTC", "2026-11-23T09:30:15.250000Z"),
        ("today", "UTC", "2026-11-23T00:00:00Z"),
        ("today", "Pacific/Auckland", "2026-11-22T11:00:00Z"),
        ("yesterday", "UTC", "2026-11-22T00:00:00Z"),
        ("mtd", "UTC", "2026-11-01T00:00:00Z"),
        ("last-month", "UTC", "2026-10-01T00:00:00Z"),
        ("last-month", "Europe/Berlin", "2026-09-30T22:00:00Z"),
    ],
)
def test_a_text_is_parsed_as_a_time(text: str, tz: str, expected: str) -> None:
    assert period(since=text, until="9000-01-01", tz=tz, now=NOW).since == moment(expected)


def test_without_texts_a_period_is_the_seven_days_up_to_now() -> None:
    default = period(since=None, until=None, tz="UTC", now=NOW)
    assert (default.since, default.until) == (NOW - timedelta(days=7), NOW)


def test_with_only_an_end_a_period_is_the_seven_days_before_it() -> None:
    assert period(since=None, until="2026-11-08", tz="UTC", now=NOW).since == moment("2026-11-01T00:00:00Z")


@pytest.mark.parametrize(
    ("since", "until", "tz", "parameter", "words"),
    [
        ("gestern", None, "UTC", "since", "yesterday"),  # what would be right is named
        ("2026-02-30", None, "UTC", "since", "a date"),
        ("2026-11-01T25:00:00Z", None, "UTC", "since", "RFC 3339"),
        ("2026-11-01T09:30:00", None, "UTC", "since", "no offset"),  # nobody knows which moment this is
        ("7 days", None, "UTC", "since", "7d"),
        ("-7d", None, "UTC", "since", "7d"),
        ("\u0667d", None, "UTC", "since", "7d"),  # an Arabic seven
        ("999999999w", None, "UTC", "since", "an age"),
        ("0001-01-01", None, "UTC", "since", "years"),
        (None, "soon", "UTC", "until", "a date"),
        ("2026-11-02", "2026-11-01", "UTC", "until", "before since"),
        (None, None, "Europe/Berln", "tz", "Europe/Berlin"),
        (None, None, "Europe", "tz", "IANA"),  # a folder of zones
        (None, None, "../../etc/passwd", "tz", "IANA"),
        (None, None, "", "tz", "IANA"),
    ],
)
def test_a_text_that_means_nothing_is_refused_with_what_would_be_right(
    since: str | None, until: str | None, tz: str, parameter: str, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        period(since=since, until=until, tz=tz, now=NOW)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("granularity", "since", "until", "tz", "labels"),
    [
        ("day", "2026-11-01T12:00:00Z", "2026-11-03", "UTC", ["2026-11-01", "2026-11-02"]),
        ("week", "2026-11-04", "2026-11-10", "UTC", ["2026-11-02", "2026-11-09"]),  # Mondays
        ("month", "2026-10-31", "2026-12-02", "UTC", ["2026-10", "2026-11", "2026-12"]),
        (
            "hour",
            "2026-11-01",
            "2026-11-01T02:00:00Z",
            "UTC",
            ["2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z"],
        ),
        # Clocks go back at two: the hour from one to two comes twice.
        (
            "hour",
            "2026-11-01T05:00:00Z",
            "2026-11-01T07:00:00Z",
            "America/New_York",
            ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"],
        ),
        # Clocks go back half an hour, at two: half of the hour from one to two comes twice.
        (
            "hour",
            "2026-04-04T14:00:00Z",
            "2026-04-04T16:00:00Z",
            "Australia/Lord_Howe",
            ["2026-04-05T01:00:00+11:00", "2026-04-05T01:00:00+10:30", "2026-04-05T02:00:00+10:30"],
        ),
        # Samoa went over the date line and had no 30 December.
        ("day", "2011-12-29", "2012-01-01", "Pacific/Apia", ["2011-12-29", "2011-12-31"]),
        ("total", "2026-11-01", "2026-11-03", "UTC", [""]),
    ],
)
def test_buckets_are_named_as_the_zones_clocks_show_them(
    granularity: Granularity, since: str, until: str, tz: str, labels: list[str]
) -> None:
    found = buckets(period(since=since, until=until, tz=tz, now=NOW), granularity)
    assert [bucket.label for bucket in found] == labels


def test_a_day_on_which_clocks_change_has_23_or_25_hours() -> None:
    found = buckets(period(since="2026-03-28", until="2026-03-31", tz="Europe/Berlin", now=NOW), "day")
    assert [(bucket.end - bucket.start) / timedelta(hours=1) for bucket in found] == [24, 23, 24]


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(InputError, match="coarser"):
        buckets(period(since="1990-01-01", until="2026-01-01", tz="UTC", now=NOW), "hour")


@given(
    tz=st.sampled_from(ZONES),
    granularity=st.sampled_from(GRANULARITIES),
    start=st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
    length=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)),
)
def test_the_buckets_of_any_zone_are_the_range_without_gap_or_overlap(
    tz: str, granularity: Granularity, start: datetime, length: timedelta
) -> None:
    since = start.replace(tzinfo=UTC)
    whole = Period(since=since, until=since + length, zone=zone_named(tz))
    found = buckets(whole, granularity)
    edges = [whole.since, *(bucket.end for bucket in found)]
    assert [bucket.start for bucket in found] == edges[:-1]
    assert edges[-1] == whole.until
    assert all(bucket.start < bucket.end for bucket in found) or granularity == "total"


@given(
    tz=st.sampled_from(ZONES),
    start=st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2037, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
    share=st.floats(min_value=0, max_value=0.999),
)
def test_a_time_is_in_the_bucket_of_its_local_hour_and_day(tz: str, start: datetime, share: float) -> None:
    zone = ZoneInfo(tz)
    whole = Period(
        since=start.replace(tzinfo=UTC), until=start.replace(tzinfo=UTC) + timedelta(days=3), zone=zone
    )
    inside = (whole.since + (whole.until - whole.since) * share).astimezone(zone)
    hour = next(b.label for b in buckets(whole, "hour") if b.start <= inside < b.end)
    offset = timezone(inside.utcoffset() or timedelta(0))
    shown = inside.replace(minute=0, second=0, microsecond=0, tzinfo=offset).isoformat()
    assert hour == shown.replace("+00:00", "Z")
    day = next(b.label for b in buckets(whole, "day") if b.start <= inside < b.end)
    # Where clocks go back over midnight, yesterday's last hour comes again and counts as today.
    assert day in (inside.date().isoformat(), (inside + timedelta(hours=1)).date().isoformat())


@pytest.mark.parametrize(
    ("since", "until", "tz", "expected"),
    [
        (
            "2026-10-01",
            "2026-11-01",
            "Europe/Berlin",
            "2026-09-01",
        ),  # October, of 31 days and an hour: September
        ("2026-01-01", "2026-04-01", "UTC", "2025-10-01"),  # a quarter
        ("2026-10-25", "2026-10-26", "Europe/Berlin", "2026-10-24"),  # a day of 25 hours: the day before
        ("2026-11-02", "2026-11-09", "UTC", "2026-10-26"),  # a week
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", "UTC", "2026-11-01"),  # nothing
        ("2026-11-01T06:00:00Z", "2026-11-02T00:00:00Z", "UTC", "2026-10-31T12:00:00Z"),  # 18 hours
    ],
)
def test_the_period_before_is_as_long_as_this_one(since: str, until: str, tz: str, expected: str) -> None:
    this = period(since=since, until=until, tz=tz, now=NOW)
    assert before(this) == period(since=expected, until=since, tz=tz, now=NOW)


def test_before_the_first_years_there_is_no_period() -> None:
    with pytest.raises(InputError, match="no period of the same length before"):
        before(period(since="1900-01-01", until="5000-01-01", tz="UTC", now=NOW))
