"""`etl refresh --check` reports every difference between rollups and records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from etl.database.connection import connect
from etl.load.run import run
from etl.rollup import rollup
from etl.rollup.verification import Difference, find
from tests.support.etl.segments import SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

HOUR = datetime(2026, 11, 1, 9, tzinfo=UTC)
KEY = {
    "user_id": "user-1",
    "team_id": "team-1",
    "model": "gpt-5",
    "provider": "openai",
    "key_id": "key-1",
    "endpoint": "/v1/chat/completions",
}


@pytest.fixture
def loaded(migrated_url: str, writer: SegmentWriter) -> SegmentWriter:
    """Records of several hours and days, of which number 1 is alone in its group."""
    writer.segment(*records(3), *records(200, start=300))
    run(migrated_url, writer.directory)
    return writer


def differences(connection: psycopg.Connection) -> list[tuple[str, str, Decimal | None, Decimal | None]]:
    return [(one.rollup, one.measure, one.stored, one.recomputed) for one in find(connection)]


def test_there_is_no_difference_after_a_load(database: psycopg.Connection, loaded: SegmentWriter) -> None:
    assert find(database) == []


def test_a_load_that_the_days_do_not_show_yet_is_no_difference(
    migrated_url: str, database: psycopg.Connection, loaded: SegmentWriter
) -> None:
    database.execute("INSERT INTO etl_unrefreshed DEFAULT VALUES")
    assert find(database) == []
    assert not rollup.refresh(database, force=False)


@pytest.mark.parametrize(
    ("column", "value", "sides"),
    [
        ("requests", "requests + 1", (2, 1)),
        ("errors", "errors + 1", (1, 0)),
        ("cache_hits", "cache_hits + 1", (1, 0)),
        ("prompt_tokens", "0", (0, 11)),
        ("completion_tokens", "completion_tokens - 1", (4, 5)),
        ("total_tokens", "17", (17, 16)),
        ("cost_usd", "cost_usd + 0.000000000001", (Decimal("0.001000000001"), Decimal("0.001"))),
        ("cost_usd", "NULL", (None, Decimal("0.001"))),
        ("unpriced_requests", "1", (1, 0)),
        ("estimated_requests", "1", (1, 0)),
        ("estimated_cost_usd", "0", (0, None)),
        ("latency_ms", "1", (1, Decimal("1.125"))),
    ],
)
def test_a_changed_hour_is_reported(
    database: psycopg.Connection,
    loaded: SegmentWriter,
    column: str,
    value: str,
    sides: tuple[Decimal | None, Decimal | None],
) -> None:
    database.execute(
        f"UPDATE usage_hourly_parts SET {column} = {value} WHERE hour = %s AND user_id = 'user-1'", [HOUR]
    )
    stored, recomputed = sides
    assert find(database) == [
        Difference(
            rollup="usage_hourly", since=HOUR, measure=column, stored=stored, recomputed=recomputed, **KEY
        )
    ]


def test_a_day_that_differs_from_its_records_is_reported(
    database: psycopg.Connection, loaded: SegmentWriter
) -> None:
    database.execute(
        "UPDATE usage_hourly_parts SET requests = 2 WHERE hour = %s AND user_id = 'user-1'", [HOUR]
    )
    rollup.refresh(database)
    database.execute(
        "UPDATE usage_hourly_parts SET requests = 1 WHERE hour = %s AND user_id = 'user-1'", [HOUR]
    )
    day = HOUR.replace(hour=0)
    found = find(database)
    assert {(one.rollup, one.since, one.user_id) for one in found} == {("usage_daily", day, "user-1")}
    assert [(one.measure, one.stored, one.recomputed) for one in found] == [
        ("avg_latency_ms", Decimal("0.563"), Decimal("1.125")),
        ("requests", Decimal(2), Decimal(1)),
    ]
    rollup.refresh(database)
    assert find(database) == []


def test_groups_that_one_side_lacks_are_reported(database: psycopg.Connection, loaded: SegmentWriter) -> None:
    database.execute("DELETE FROM usage_hourly_parts WHERE hour = %s AND user_id = 'user-1'", [HOUR])
    missing = {measure: (stored, made) for _, measure, stored, made in differences(database)}
    assert missing["requests"] == (None, Decimal(1))
    assert missing["latency_ms"] == (None, Decimal("1.125"))
    database.execute("DELETE FROM usage_records WHERE request_id = %s", [record(2).request_id])
    both = [row for row in differences(database) if row[1] == "requests"]
    assert both == [
        ("usage_hourly", "requests", None, Decimal(1)),
        ("usage_hourly", "requests", Decimal(1), None),
        ("usage_daily", "requests", Decimal(1), None),
    ]


def test_loads_and_refreshes_at_the_same_time_are_no_difference(
    migrated_url: str, database: psycopg.Connection, loaded: SegmentWriter
) -> None:
    for start in range(1000, 2000, 50):
        loaded.segment(*records(50, start=start))

    def check() -> list[Difference]:
        with connect(migrated_url) as connection:
            return [one for _ in range(4) for one in find(connection)]

    with ThreadPoolExecutor(3) as pool:
        checks = [pool.submit(check) for _ in range(2)]
        pool.submit(run, migrated_url, loaded.directory).result()
        assert [check.result() for check in checks] == [[], []]
    assert contents(database).records.total() == 203 + 1000
