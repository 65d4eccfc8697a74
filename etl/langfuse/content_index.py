"""Finds the captured content of a request, by an index on disk."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from etl.content.reader import CapturedContent, ContentReader, read_at
from etl.database.queries import named
from etl.errors import SegmentError
from etl.segments.reader import list_segments
from proxy.segments.lines import OPEN_SUFFIX, SegmentName
from proxy.segments.record import UsageRecord

_MAX_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)
_FIRST_MARGIN: Final = timedelta(minutes=1)
# A record and its content are written one after the other.
_TOLERANCE: Final = timedelta(seconds=2)


def content_horizon(directory: Path | None, now: datetime) -> datetime:
    """The time before which all content is sealed, by the end of its request.

    Content in a segment that is still open, or written later, would come too late for its span. Call this
    before reading any segment.
    """
    names = directory.glob(f"content-*.jsonl{OPEN_SUFFIX}") if directory else ()
    opened = [name.started_at for path in names if (name := SegmentName.parse(path.name))]
    return min([now, *opened]) - _TOLERANCE


def ended_at(record: UsageRecord) -> datetime:
    """When the request of a record ended."""
    return record.created_at + timedelta(milliseconds=float(record.latency_ms))


class ContentIndex:
    """Captured content by request, to be looked up roughly in the order of arrival.

    The first lookup indexes the content segments written after that request arrived; a lookup of an earlier
    request extends the index. `problems` gets a sentence for each segment that is skipped.
    """

    def __init__(self, directory: Path | None, problems: list[str]) -> None:
        self._directory = directory
        self._problems = problems
        self._index: sqlite3.Connection | None = None
        self._since = _MAX_TIME
        self._margin = _FIRST_MARGIN

    def get(self, record: UsageRecord) -> CapturedContent | None:
        """The content of a request; None when none was captured or it was pruned."""
        if self._index is None or record.created_at < self._since:
            self._since = _earlier(record.created_at, self._margin)
            self._margin *= 10
            self._index = self._build()
        position = self._index.execute(named("langfuse_content_find"), (record.request_id,)).fetchone()
        return self._read(*position) if position else None

    def close(self) -> None:
        """Deletes the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def _build(self) -> sqlite3.Connection:
        self.close()
        # Without a name, SQLite uses an anonymous temporary file when the database is not small.
        index = sqlite3.connect("", isolation_level=None)
        index.execute(named("langfuse_content_schema"))
        if self._directory is None or not _has_segments(self._directory):
            return index
        self._problems.clear()
        reader = ContentReader(
            directory=self._directory, since=self._since, until=_MAX_TIME, problems=self._problems
        )
        index.execute("BEGIN")
        index.executemany(
            named("langfuse_content_insert"),
            ((content.request_id, path.name, offset) for path, offset, content in reader.with_positions()),
        )
        index.execute("COMMIT")
        return index

    def _read(self, segment: str, offset: int) -> CapturedContent | None:
        assert self._directory is not None
        return read_at(self._directory / segment, offset)


def _earlier(time: datetime, margin: timedelta) -> datetime:
    try:
        return time - margin
    except OverflowError:
        return time


def _has_segments(directory: Path) -> bool:
    try:
        return bool(list_segments(directory, "content"))
    except SegmentError:
        return False
