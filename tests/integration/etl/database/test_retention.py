"""The whole retention of a segment: loaded, archived, pruned and removed; reports stay unchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from etl.archive.run import archive
from etl.database.prune import prune
from etl.load.run import run
from etl.rollup import verification as differences
from relayctl.sources.postgres import PostgresSource
from tests.support.archive_data import age, four_segments, report


def numbers(document: object) -> object:
    """A report without its time of creation."""
    assert isinstance(document, dict)
    return document | {"as_of": None}


AFTER = datetime(2026, 11, 1, tzinfo=UTC)


def test_reports_are_unchanged_after_pruning(
    migrated_url: str, database: psycopg.Connection, tmp_path: Path
) -> None:
    logs, to = tmp_path / "logs", str(tmp_path / "archive")
    four_segments(logs)
    run(migrated_url, logs)
    before = numbers(report(logs))
    assert numbers(report(logs, source=PostgresSource(url=migrated_url))) == before

    waiting = prune(database, AFTER, dry_run=False)
    assert [month.dropped for month in waiting if month.records] == [False], "nothing is archived yet"
    age(logs)
    done = archive(logs, to, older_than=timedelta(days=30), database_url=migrated_url)
    assert done.segments == 4
    pruned = prune(database, AFTER, dry_run=False)

    assert sum(month.records for month in pruned if month.dropped) == 12
    remaining = [path.name for path in logs.glob("*.jsonl")]
    assert remaining == [], "old archived and loaded segments were not removed"
    assert numbers(report(logs, to)) == before
    assert numbers(report(logs, source=PostgresSource(url=migrated_url))) == before
    assert differences.find(database) == []
    assert run(migrated_url, logs).loaded == 0
