"""Rollups can be thrown away: each is a function of usage_records, recomputed here."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.load.run import run
from etl.rollup import rollup
from proxy.segments.record import UsageRecord
from tests.support.etl.segments import SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

# Times near the borders where a rollup could go wrong, and the first and last storable times.
BORDERS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 0, 15, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]
TIMES = st.sampled_from(BORDERS) | st.integers(0, 2 * 86_400_000).map(
    lambda milliseconds: datetime(2026, 10, 31, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)
MONEY = st.none() | st.decimals(0, Decimal("999999999999.999999999999"), places=12)
DURATIONS = st.decimals(0, 99_999_999_999, places=8)
TOKENS = st.integers(0, 2**40)


@st.composite
def usage_records(draw: st.DrawFn) -> UsageRecord:
    """Any record, of one of few users, teams and models."""
    prompt, completion = draw(TOKENS), draw(TOKENS)
    return record(
        draw(st.integers(0, 20)),
        created_at=draw(TIMES),
        user_id=draw(st.sampled_from(["ada", "Ada", "", "\U0001f600"])),
        team_id=draw(st.sampled_from(["red", "blue"])),
        model=draw(st.sampled_from(["m1", "m2"])),
        status=draw(st.sampled_from([200, 399, 400, 499, 599])),
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        usage_source=draw(st.sampled_from(["provider", "estimated"])),
        cost_usd=draw(MONEY),
        latency_ms=draw(DURATIONS),
        cache_hit=draw(st.booleans()),
    )


SEGMENTS = st.lists(st.lists(usage_records(), max_size=12), min_size=1, max_size=4)


@given(SEGMENTS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_rollups_are_what_the_records_make(
    migrated_url: str, database: psycopg.Connection, segments: list[list[UsageRecord]]
) -> None:
    """Invariant 7, for any records in any segments, repeated and contradicting ones among them."""
    database.execute(
        "TRUNCATE usage_records, usage_hourly_parts, usage_days, etl_segments, etl_rejects, etl_intents;"
        "REFRESH MATERIALIZED VIEW usage_daily"
    )
    with tempfile.TemporaryDirectory() as directory:
        writer = SegmentWriter(Path(directory))
        for segment in segments:
            writer.segment(*segment)
        result = run(migrated_url, Path(directory))
    assert result.failed == ()
    assert result.loaded + result.duplicate + result.rejected == sum(map(len, segments))
    now = contents(database)
    identities = {(one.created_at, one.request_id) for segment in segments for one in segment}
    assert result.loaded == now.records.total() == len(identities)
    assert now.hours == now.recomputed_hours
    assert now.days == now.recomputed_days
    # The same from all hours as from those that changed.
    rollup.refresh(database)
    assert contents(database) == now


def parts(connection: psycopg.Connection) -> int:
    """How many rows the hours lie in."""
    row = connection.execute("SELECT count(*) FROM usage_hourly_parts").fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        (1, 30),  # nothing to put together
        (2, 30),  # half of the rows go
        (7, 30),
    ],
)
def test_a_refresh_puts_the_parts_of_an_hour_together_and_changes_no_sum(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, loads: int, expected: int
) -> None:
    day = datetime(2026, 10, 31, tzinfo=UTC)
    for load in range(loads):
        writer.segment(
            *(
                record(number, request_id=f"req_{load}_{number}", created_at=day + timedelta(hours=number))
                for number in range(30)
            )
        )
    run(migrated_url, writer.directory)
    assert parts(database) == expected
    now = contents(database)
    assert (now.hours, now.days) == (now.recomputed_hours, now.recomputed_days)
    # A day that nobody loaded anything into is left as it is, however many parts it has.
    database.execute(
        "INSERT INTO usage_hourly_parts SELECT * FROM usage_hourly_parts WHERE hour < '2026-11-01'"
    )
    writer.segment(record(40, created_at=day + timedelta(hours=30)))
    run(migrated_url, writer.directory)
    assert parts(database) == expected + 24 + 1
    assert contents(database).days == contents(database).recomputed_days


def test_a_part_that_could_not_hold_the_sum_stays(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    most = 2**53
    for part in range(2):
        writer.segment(
            *(
                record(
                    1,
                    request_id=f"req_{part}_{number}",
                    prompt_tokens=most - 1,
                    total_tokens=most,
                    completion_tokens=1,
                )
                for number in range(800)
            )
        )
    run(migrated_url, writer.directory)
    assert parts(database) == 2
    assert database.execute("SELECT total_tokens FROM usage_daily").fetchone() == (1600 * most,)


def test_a_group_without_a_known_price_costs_null_and_never_zero(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    cases: list[tuple[str, list[list[Decimal | None]], Decimal | None, int]] = [
        # Costs of the segments' records, the group's cost, how many are unpriced.
        ("none", [[None, None], [None]], None, 3),
        ("later", [[None], [Decimal("0.5")]], Decimal("0.5"), 1),
        ("sooner", [[Decimal("0.5")], [None]], Decimal("0.5"), 1),
        ("free", [[Decimal(0)], [None]], Decimal(0), 1),
        ("both", [[Decimal("0.5"), None], [Decimal("0.25")]], Decimal("0.75"), 1),
    ]
    made = record(0).created_at
    for part in range(2):
        writer.segment(
            *(
                record(0, request_id=f"{user}-{part}-{index}", user_id=user, cost_usd=cost, created_at=made)
                for user, costs, _, _ in cases
                for index, cost in enumerate(costs[part])
            )
        )
        run(migrated_url, writer.directory)
    expected = {user: (cost, unpriced) for user, _, cost, unpriced in cases}
    for table in ("usage_hourly", "usage_daily"):
        rows = database.execute(f"SELECT user_id, cost_usd, unpriced_requests FROM {table}").fetchall()
        assert {user: (cost, unpriced) for user, cost, unpriced in rows} == expected


def test_a_refresh_happens_when_something_changed_or_is_asked_for(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    assert not rollup.refresh(database, force=False)
    writer.segment(*records(3))
    assert run(migrated_url, writer.directory).refreshed
    assert not rollup.refresh(database, force=False)
    assert rollup.refresh(database)


def test_readers_are_not_blocked_by_a_refresh(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(*records(3))
    run(migrated_url, writer.directory)
    with psycopg.connect(migrated_url) as reader:
        reader.execute("SET lock_timeout = '10s'")
        with database.transaction():
            database.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY usage_daily")
            assert reader.execute("SELECT sum(requests) FROM usage_daily").fetchone() == (3,)
