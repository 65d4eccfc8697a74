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
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.postgres import PostgresSource
from tests.support.databases import new_database
from tests.support.etl.dump import dump
from tests.support.etl.segments import SegmentWriter
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

DATA = Path(__file__).parents[3] / "data"
SEGMENTS = DATA / "upgrade" / "segments"
VERSIONS = [migration.version for migration in migrations()]
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


@pytest.mark.parametrize("version", VERSIONS)
def test_upgraded_database_reports_the_same_as_a_new_one(
    postgres_url: str, migrated_url: str, database: psycopg.Connection, tmp_path: Path, version: int
) -> None:
    run(migrated_url, SEGMENTS)
    # Written once by the code of the version, and never overwritten.
    if version == VERSIONS[-1] and os.environ.get("RELAY_UPDATE_SNAPSHOTS") and not fixture(version).exists():
        fixture(version).write_text(dump(database), encoding="utf-8")
    assert fixture(version).exists(), "run this test with RELAY_UPDATE_SNAPSHOTS=1"
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
