"""The same records in PostgreSQL, loaded by the ETL, and in a log directory; and the queries for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import available_timezones

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from etl.load import run
from proxy.segments.record import UsageRecord
from relayctl.reports.query import Filters, Source
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.logs import LogSource
from relayctl.sources.postgres import PostgresSource
from tests.support.report_data import (
    ENDPOINTS,
    FIRST,
    KEYS,
    MODELS,
    MOMENTS,
    PROVIDERS,
    TEAMS,
    USERS,
    usage_records,
    write_segment,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime"})
PERIODS = st.builds(
    lambda one, other, tz: Period(since=min(one, other), until=max(one, other), zone=zone_named(tz)),
    MOMENTS,
    MOMENTS,
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]) | st.sampled_from(ZONES),
)
FILTERS = st.fixed_dictionaries(
    {
        "user": st.lists(st.sampled_from([*USERS, "nobody"]), max_size=2).map(tuple),
        "team": st.lists(st.sampled_from(TEAMS), max_size=1).map(tuple),
        "model": st.lists(st.sampled_from(MODELS), max_size=2).map(tuple),
        "provider": st.lists(st.sampled_from(PROVIDERS), max_size=1).map(tuple),
        "key": st.lists(st.sampled_from(KEYS), max_size=1).map(tuple),
        "endpoint": st.lists(st.sampled_from(ENDPOINTS), max_size=1).map(tuple),
    }
).map(Filters)
Ask = Callable[[Source], bytes]
Items = Sequence[UsageRecord | bytes]

WHOLE = Period(since=FIRST - timedelta(days=3), until=NOW, zone=zone_named("UTC"))


def from_both(
    url: str, connection: psycopg.Connection, segments: Sequence[Items], ask: Ask
) -> tuple[bytes, bytes]:
    """The answer from PostgreSQL, loaded by the ETL, and from the logs."""
    connection.execute("TRUNCATE usage_records, usage_hourly_parts, etl_segments, etl_rejects, etl_intents")
    with TemporaryDirectory() as folder:
        for number, items in enumerate(segments, start=1):
            write_segment(Path(folder), items, number=number)
        result = run.run(url, Path(folder))
        assert not result.failed
        return ask(PostgresSource(url=url)), ask(LogSource(directory=Path(folder), now=lambda: NOW))


MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SEGMENTS = st.lists(st.lists(usage_records(), max_size=25), max_size=3)
