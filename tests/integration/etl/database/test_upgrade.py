"""New code with old data: a database of every schema version, and a line of every record version."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from etl.database.connection import connect
from etl.database.migrations import check_schema, migrate, migrations
from etl.database.prune import prune
from etl.load import status
from etl.load.retry import retry
from etl.load.run import run
from etl.rollup import verification as differences
from proxy.segments.record import VERSION
from relayctl.reports import json_documents as documents
from relayctl.reports import reports
from relayctl.reports.query import Filters
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.postgres import PostgresSource
from tests.support.databases import new_database
from tests.support.etl.dump import dump
from tests.support.etl.segments import SegmentWriter
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

DATA = Path(__file__).parents[3] / "data"
SEGMENTS = DATA / "upgrade" / "segments"
SCHEMAS = [migration.version for migration in migrations()]
# The newest schema may lack its fixture until the next migration is added.
VERSIONS = [version for version in SCHEMAS if (DATA / "upgrade" / f"{version:04}.sql").exists()]
WHOLE = Period(
    since=datetime(2019, 1, 1, tzinfo=UTC), until=datetime(2052, 1, 1, tzinfo=UTC), zone=zone_named("UTC")
)


def fixture(version: int) -> Path:
    """The dump of a database into which the code of a schema version loaded `SEGMENTS`."""
    return DATA / "upgrade" / f"{version:04}.sql"


@contextmanager
def database_of(version: int, postgres_url: str, folder: Path) -> Iterator[str]:
    """A database as the code of a schema version left it."""
    for path in (Path(__file__).parents[4] / "sql" / "migrations").glob("*.sql"):
        if int(path.name[:4]) <= version:
            shutil.copy(path, folder)
    with new_database(postgres_url) as url:
        with connect(url) as connection:
            migrate(connection, folder=folder)
            connection.execute(fixture(version).read_text(encoding="utf-8"))
        yield url


def report(url: str) -> bytes:
    """A report over all records by day, user, team and model."""
    asked: dict[str, Any] = {"granularity": "day", "group_by": ("user", "team", "model")}
    found = reports.usage_report(PostgresSource(url=url), WHOLE, **asked)
    return documents.encode(documents.usage_document(found) | {"as_of": None})


def test_there_is_a_fixture_of_every_schema_before_the_newest(
    migrated_url: str, database: psycopg.Connection
) -> None:
    # Written once, by the version itself, and never over an old file.
    if os.environ.get("RELAY_UPDATE_SNAPSHOTS") and not fixture(SCHEMAS[-1]).exists():
        run(migrated_url, SEGMENTS)
        fixture(SCHEMAS[-1]).write_text(dump(database), encoding="utf-8")
    assert VERSIONS[: len(SCHEMAS) - 1] == SCHEMAS[:-1], "run this test with RELAY_UPDATE_SNAPSHOTS=1"


@pytest.mark.parametrize("version", VERSIONS)
def test_upgraded_database_reports_the_same_as_a_new_one(
    postgres_url: str, migrated_url: str, database: psycopg.Connection, tmp_path: Path, version: int
) -> None:
    run(migrated_url, SEGMENTS)
    with database_of(version, postgres_url, tmp_path) as url, connect(url) as connection:
        migrate(connection)
        check_schema(connection)
        assert contents(connection) == contents(database)
        assert report(url) == report(migrated_url)
        assert differences.find(connection) == []
        assert status.gaps(connection) != []


@pytest.mark.parametrize("version", VERSIONS)
def test_upgraded_database_accepts_new_loads(postgres_url: str, tmp_path: Path, version: int) -> None:
    with database_of(version, postgres_url, tmp_path) as url, connect(url) as connection:
        migrate(connection)
        # Nothing is loaded twice, unarchived records are not pruned, and old rejects can be retried.
        assert run(url, SEGMENTS).segments == 0
        assert not [month for month in prune(connection, WHOLE.until, dry_run=False) if month.dropped]
        assert retry(url, SEGMENTS).failed == ()
        assert connection.execute("SELECT sum(rejected) FROM etl_segments").fetchone() == (2,)


@pytest.mark.parametrize("version", [version for version in VERSIONS if 2 <= version < 5])
def test_pruned_months_keep_their_sums_and_have_unknown_providers(
    postgres_url: str, tmp_path: Path, version: int
) -> None:
    with database_of(version, postgres_url, tmp_path) as url, connect(url) as connection:
        before = connection.execute(TOTALS).fetchall()
        connection.execute("DROP TABLE usage_records_2026_11")
        connection.execute("UPDATE etl_state SET pruned_before = '2026-12-01 00:00:00+00'")
        migrate(connection)
        assert connection.execute(TOTALS).fetchall() == before
        assert differences.find(connection) == []
        known = grouped(url)
        assert known.totals.requests == sum(requests for _, _, requests, _ in before)
        pruned = sum(requests for hour, _, requests, _ in before if f"{hour:%Y-%m}" == "2026-11")
        (unknown,) = [row for row in known.rows if row.names == (None,)]
        assert unknown.measures.requests == pruned
        assert unknown.measures["cache_read_tokens"] is None
        tokens = f"{pruned} requests have no known cache and reasoning tokens: the sums are without theirs"
        assert known.notes == (
            (
                f"{pruned} requests before 2026-11-01 14:00:00Z have no known provider: "
                "they are shown as unknown"
            ),
            tokens,
        )
        note = grouped(url, provider="openai").notes[0]
        assert note.endswith("have no known provider: they are left out")
        # By the older dimensions everything is there.
        assert grouped(url, by="user").totals == known.totals
        assert grouped(url, by="user").notes == (tokens,)


def test_hours_with_sums_too_large_for_one_part_are_recomputed(postgres_url: str, tmp_path: Path) -> None:
    with database_of(4, postgres_url, tmp_path) as url, connect(url) as connection:
        connection.execute(
            "INSERT INTO usage_records SELECT 'huge-' || n, '2026-12-05 10:00:00+00', 'u', 't', 'k', 'm', "
            "NULL, 'p', 'e', false, 200, 9007199254740992, 0, 9007199254740992, 1, 2, 0, 'provider', 0, "
            "NULL, 1, NULL, false, NULL, NULL FROM generate_series(1, 1100) n"
        )
        connection.execute(
            "INSERT INTO usage_hourly_parts SELECT '2026-12-05 10:00:00+00', 'u', 't', 'm', 550, 0, 0, "
            "550 * 9007199254740992, 0, 550 * 9007199254740992, 0, 0, 0, NULL, 550 FROM generate_series(1, 2)"
        )
        migrate(connection)
        assert [one for one in differences.find(connection) if one.rollup == "usage_hourly"] == []


TOTALS = """
    SELECT hour, user_id, sum(requests), sum(cost_usd)
    FROM usage_hourly
    GROUP BY hour, user_id
    ORDER BY hour, user_id
"""


def grouped(url: str, *, by: str = "provider", provider: str | None = None) -> reports.UsageReport:
    """Everything by one dimension."""
    filters = Filters({"provider": (provider,)} if provider else {})
    source = PostgresSource(url=url)
    return reports.usage_report(source, WHOLE, granularity="total", group_by=(by,), filters=filters)


LINES = sorted((DATA / "lines").glob("*.jsonl"))


def test_fixture_has_a_line_of_every_record_version() -> None:
    """Invariant 6: lines of every released format can be loaded."""
    assert [path.stem for path in LINES] == [f"v{version}" for version in range(1, VERSION + 1)]


@pytest.mark.parametrize("path", LINES, ids=lambda path: path.stem)
def test_lines_of_every_record_version_are_loaded(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, path: Path
) -> None:
    """Invariant 6: lines of every released format can be loaded."""
    lines = path.read_bytes().splitlines(keepends=True)
    writer.segment(*lines)
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.rejected) == (len(lines), 0)
    rows = database.execute(
        "SELECT request_id, total_tokens, cost_usd::text FROM usage_records ORDER BY request_id"
    ).fetchall()
    assert rows == EXPECTED[path.stem]


EXPECTED = {
    "v1": [
        ("req_01k9cq0v7g4r1xkq5m0n8e2abc", 1532, "0.004175000000"),
        ("req_shortest", 7, None),
    ]
}
