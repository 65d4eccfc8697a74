"""What was captured of each request: found by an index on disk, however much there is."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from etl.content.reading import Captured, Contents, captured_at
from etl.database.queries import named
from etl.errors import SegmentError
from etl.segments.reader import list_segments
from proxy.segments.lines import OPEN_SUFFIX, SegmentName
from proxy.segments.record import UsageRecord

_FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
_FIRST_MARGIN: Final = timedelta(minutes=1)
# A record and its content are written one after the other.
_SLACK: Final = timedelta(seconds=2)


def horizon(directory: Path | None, now: datetime) -> datetime:
    """Of requests that had ended before this moment all content is sealed; ask before reading any segment.

    What is written later, or stands in a segment that is still open, would come too late for its span.
    """
    names = directory.glob(f"content-*.jsonl{OPEN_SUFFIX}") if directory else ()
    opened = [name.started_at for path in names if (name := SegmentName.parse(path.name))]
    return min([now, *opened]) - _SLACK


def ended_at(record: UsageRecord) -> datetime:
    """When the request of a record had ended."""
    return record.created_at + timedelta(milliseconds=float(record.latency_ms))


class CapturedContents:
    """The captured contents of requests, to be asked roughly in the order of their arrival.

    The first question reads the content segments that were written after that request arrived, and one for an
    earlier request reads more of them. `problems` gets a sentence for each segment that gives nothing.
    """

    def __init__(self, directory: Path | None, problems: list[str]) -> None:
        self._directory = directory
        self._problems = problems
        self._index: sqlite3.Connection | None = None
        self._since = _FOREVER
        self._margin = _FIRST_MARGIN

    def get(self, record: UsageRecord) -> Captured | None:
        """The content of a request; None where none was captured or it was pruned meanwhile."""
        if self._index is None or record.created_at < self._since:
            self._since = _before(record.created_at, self._margin)
            self._margin *= 10
            self._index = self._made()
        place = self._index.execute(named("langfuse_contents_find"), (record.request_id,)).fetchone()
        return self._read(*place) if place else None

    def close(self) -> None:
        """Removes the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def _made(self) -> sqlite3.Connection:
        self.close()
        # Without a name SQLite keeps it in a file of its own that nobody sees, as soon as it is not small.
        index = sqlite3.connect("", isolation_level=None)
        index.execute(named("langfuse_contents_schema"))
        if self._directory is None or not _has_segments(self._directory):
            return index
        self._problems.clear()
        contents = Contents(
            directory=self._directory, since=self._since, until=_FOREVER, problems=self._problems
        )
        index.execute("BEGIN")
        index.executemany(
            named("langfuse_contents_add"),
            ((captured.request_id, path.name, offset) for path, offset, captured in contents.places()),
        )
        index.execute("COMMIT")
        return index

    def _read(self, segment: str, offset: int) -> Captured | None:
        assert self._directory is not None
        return captured_at(self._directory / segment, offset)


def _before(first: datetime, margin: timedelta) -> datetime:
    try:
        return first - margin
    except OverflowError:
        return first


def _has_segments(directory: Path) -> bool:
    try:
        return bool(list_segments(directory, "content"))
    except SegmentError:
        return False
