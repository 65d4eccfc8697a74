"""The status of the ETL: the time up to which everything is loaded, unloaded segments, and gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import class_row, dict_row

from etl.database.connection import translate_errors
from etl.database.queries import named
from etl.load import ledger
from etl.segments.reader import list_segments
from proxy.segments.lines import SegmentName

_MAX_GAPS: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Missing data, or a segment that contradicts its seal.

    `kind` is `missing_segment`, `missing_lines`, `unended_intent` or `seal_mismatch`; `missing` counts
    segments, lines, requests or seals respectively. The gap was found in `segment` and dates from `since`.
    """

    kind: str
    writer: str
    segment: str
    missing: int
    since: datetime
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The status of the database and, if given, of the log directory.

    `lines`, `loaded`, `duplicate` and `rejected` are sums over the loaded segments; `rejects` counts lines
    that are rejected now, `retried` lines that were rejected and are accepted now. `missing_lines` line
    numbers are in no loaded segment. `unrefreshed` loads are not in `usage_daily` yet. `waiting` sealed
    segments are not loaded (None: unknown without a log directory), the oldest sealed at `oldest_waiting`.
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
        """Whether there are gaps or rejects; segments that are not loaded yet are not a problem."""
        return bool(self.gaps or self.rejects)


def _is_still_loading(gap: Gap, waiting: set[tuple[str, int]]) -> bool:
    """Whether all segments missing in a gap are in the directory, as happens while loaders run."""
    name = SegmentName.parse(gap.segment)
    if gap.kind != "missing_segment" or name is None or gap.missing > len(waiting):
        return False
    return all((gap.writer, number) in waiting for number in range(name.number - gap.missing, name.number))


def _sealed_at(path: Path) -> datetime | None:
    """When a segment was last written; None when it was removed meanwhile."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def as_of(connection: psycopg.Connection) -> datetime | None:
    """The time before which every sealed segment is loaded; None before the first run. Raises `EtlError`."""
    with translate_errors(connection):
        row = connection.execute(named("as_of")).fetchone()
    return row[0] if row else None


def gaps(connection: psycopg.Connection) -> list[Gap]:
    """The first thousand gaps. Raises `EtlError`."""
    with translate_errors(connection), connection.cursor(row_factory=class_row(Gap)) as cursor:
        return cursor.execute(named("gaps"), (_MAX_GAPS,)).fetchall()


def read(connection: psycopg.Connection, directory: Path | None) -> Status:
    """The status of the database and of the segments in the log directory. Raises `EtlError`."""
    paths = list_segments(directory) if directory else []
    with translate_errors(connection), connection.cursor(row_factory=dict_row) as cursor:
        unloaded = ledger.unloaded(connection, (path.name for path in paths))
        counts = cursor.execute(named("etl_status")).fetchone() or {}
    waiting = [path for path in paths if path.name in unloaded]
    names = {(name.writer, name.number) for path in waiting if (name := SegmentName.parse(path.name))}
    return Status(
        **counts,
        waiting=len(waiting) if directory else None,
        oldest_waiting=min(filter(None, map(_sealed_at, waiting)), default=None),
        gaps=tuple(gap for gap in gaps(connection) if not _is_still_loading(gap, names)),
    )
