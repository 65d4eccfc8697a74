"""Archives for tests, and the report that must not care where its segments lie."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl.archive.run import archive
from etl.archive.store import open_store
from relayctl.reports import reports
from relayctl.reports.json_documents import usage_document
from relayctl.reports.query import Filters, Source
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.logs import LogSource
from tests.support.report_data import FIRST, record, write_segment

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ALWAYS = Period(since=FIRST - timedelta(days=3), until=NOW, zone=zone_named("UTC"))


def four_segments(directory: Path) -> list[Path]:
    """Segments of three records each, on twelve days, with intents of rejected lines between them."""
    directory.mkdir(exist_ok=True)
    return [
        write_segment(
            directory,
            [
                record(n, created_at=FIRST + timedelta(days=n), user_id=f"user-{n % 3}")
                for n in range(3 * number, 3 * number + 3)
            ]
            + ([b"no record\n"] if number == 2 else []),
            number=number,
        )
        for number in range(1, 5)
    ]


def age(directory: Path, days: int = 100) -> None:
    """Makes every segment look as if it was last written so many days before now."""
    for path in directory.iterdir():
        os.utime(path, (NOW.timestamp() - days * 86400,) * 2)


def report(
    logs: Path,
    to: str | None = None,
    *,
    period: Period = ALWAYS,
    filters: Filters | None = None,
    source: Source | None = None,
) -> object:
    """The rows and totals of the usage report over the logs and an archive, or over another source."""
    source = source or LogSource(directory=logs, archive=open_store(to) if to else None, now=lambda: NOW)
    found = reports.usage_report(source, period, granularity="hour", filters=filters or Filters())
    return usage_document(found)


def contents(root: Path) -> dict[str, bytes]:
    """Every file under a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def archived(logs: Path, to: Path) -> Path:
    """The archive of the logs, made there."""
    archive(logs, str(to))
    return to
