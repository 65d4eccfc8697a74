"""How the ETL stands: up to when everything is loaded, what waits, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import class_row, dict_row

from etl.database.connection import translated
from etl.database.queries import named
from etl.load import ledger
from etl.segments.reading import listing
from proxy.segments.lines import SegmentName

_MAX_GAPS: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Something that is missing or contradicts itself.

    `kind` is `missing_segment`, `missing_lines`, `unended_intent` or `seal_mismatch`, and `missing` counts in
    the kind's own unit: segments, lines, requests, seals. `segment` is where it was noticed, at time `since`.
    """

    kind: str
    writer: str
    segment: str
    missing: int
    since: datetime
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The state of the database, and of the log directory where one was given.

    `lines`, `loaded`, `duplicate` and `rejected` are sums over the loaded segments; `rejects` counts the
    lines that are rejected, `retried` those that once were. `missing_lines` line numbers stand in no loaded
    segment. `unrefreshed` loads are not in `usage_daily` yet. `waiting` sealed segments are not loaded (None:
    not known, there is no log directory), the oldest of them sealed at `oldest_waiting`.
    """

    as_of: datetime | None
    refreshed_at: datetime | None
    unrefreshed: int
    segments: int
    last_loaded_at: datetime | None
    lines: int
    loaded: int
    duplicate: int
    rejected: int
    rejects: int
    retried: int
    missing_lines: int
    waiting: int | None
    oldest_waiting: datetime | None
    gaps: tuple[Gap, ...]

    @property
    def problem(self) -> bool:
        """Whether something is missing or was rejected; segments that only wait are none."""
        return bool(self.gaps or self.rejects)


def _only_waiting(gap: Gap, waiting: set[tuple[str, int]]) -> bool:
    """Whether the segments a gap misses all lie in the directory, as while loaders are at work."""
    name = SegmentName.parse(gap.segment)
    if gap.kind != "missing_segment" or name is None or gap.missing > len(waiting):
        return False
    return all((gap.writer, number) in waiting for number in range(name.number - gap.missing, name.number))


def _sealed_at(path: Path) -> datetime | None:
    """When a segment was last written to; None when it has gone since."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def as_of(connection: psycopg.Connection) -> datetime | None:
    """Every segment sealed before this moment is loaded; None before the first run. Raises `EtlError`."""
    with translated(connection):
        row = connection.execute(named("as_of")).fetchone()
    return row[0] if row else None


def gaps(connection: psycopg.Connection) -> list[Gap]:
    """What is missing or contradicts itself, the first thousand. Raises `EtlError`."""
    with translated(connection), connection.cursor(row_factory=class_row(Gap)) as cursor:
        return cursor.execute(named("gaps"), (_MAX_GAPS,)).fetchall()


def read(connection: psycopg.Connection, directory: Path | None) -> Status:
    """The status of the database, and of what waits in the log directory. Raises `EtlError`."""
    paths = listing(directory) if directory else []
    with translated(connection), connection.cursor(row_factory=dict_row) as cursor:
        missing = ledger.missing(connection, (path.name for path in paths))
        counts = cursor.execute(named("etl_status")).fetchone() or {}
    waiting = [path for path in paths if path.name in missing]
    names = {(name.writer, name.number) for path in waiting if (name := SegmentName.parse(path.name))}
    return Status(
        **counts,
        waiting=len(waiting) if directory else None,
        oldest_waiting=min(filter(None, map(_sealed_at, waiting)), default=None),
        gaps=tuple(gap for gap in gaps(connection) if not _only_waiting(gap, names)),
    )
