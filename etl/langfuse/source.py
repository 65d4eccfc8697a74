"""The sources of records to send to Langfuse: PostgreSQL, or the sealed segments."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import psycopg
from psycopg.rows import dict_row

from etl.database.connection import translate_errors
from etl.database.queries import named
from etl.errors import SegmentError
from etl.langfuse.content_index import ended_at
from etl.langfuse.ledger import Ledger, PendingRecord
from etl.load.status import as_of
from etl.segments.reader import SegmentReader, list_segments
from proxy.segments.lines import SealLine, last_line, parse_line
from proxy.segments.record import Fault, RequestLine, UsageRecord

_PAGE_SIZE: Final = 500
_MAX_NAMES: Final = 1000
_MAX_CACHED: Final = 50_000
_CACHE_SECONDS: Final = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """Requests that arrived from `since` (inclusive) to `until` (exclusive) and ended before `horizon`."""

    since: datetime
    until: datetime
    horizon: datetime

    def contains(self, record: UsageRecord) -> bool:
        """Whether the request of a record is in the period."""
        return self.since <= record.created_at < self.until and ended_at(record) < self.horizon


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A few hundred records of a period.

    `scanned` counts all records read for the page. With this page, `completed_segments` have been read whole.
    """

    records: list[PendingRecord]
    scanned: int
    completed_segments: list[str]


class Source(Protocol):
    """Records in pages, roughly in the order of arrival. Raises `EtlError` when they cannot be read."""

    def count(self, period: Period) -> int:
        """The number of records to scan, for progress."""

    def pages(self, period: Period) -> Iterator[Page]:
        """Yields the records of a period."""

    def complete_until(self) -> datetime | None:
        """The time after which records may be missing in the source; None: now."""


class PostgresSource:
    """Reads loaded records from PostgreSQL. Implements `Source`."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def count(self, period: Period) -> int:
        """The number of records of the period."""
        with translate_errors(self._connection):
            values = {"since": period.since, "until": period.until}
            row = self._connection.execute(named("langfuse_count_records"), values).fetchone()
        return int(row[0]) if row else 0

    def pages(self, period: Period) -> Iterator[Page]:
        """Yields the records of a period by time and id."""
        since, after_id = period.since, ""
        while rows := self._rows(since=since, until=period.until, after_id=after_id):
            records = [_from_row(row) for row in rows]
            since, after_id = records[-1].created_at, records[-1].request_id
            pending = [PendingRecord(record, None) for record in records if period.contains(record)]
            yield Page(records=pending, scanned=len(rows), completed_segments=[])

    def complete_until(self) -> datetime | None:
        """The time before which every sealed segment is loaded."""
        return as_of(self._connection)

    def _rows(self, **position: Any) -> list[dict[str, Any]]:
        with translate_errors(self._connection), self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(named("langfuse_records"), position | {"limit": _PAGE_SIZE}).fetchall()


def _from_row(row: dict[str, Any]) -> UsageRecord:
    error_type = row.pop("error_type")
    return UsageRecord(**row, error=Fault(type=error_type, message="") if error_type else None)


class SegmentSource:
    """Reads records from the sealed segments in a directory; with a ledger, only from uncompleted segments.

    Implements `Source`. Invalid lines are ignored here; the ETL reports them.
    """

    def __init__(self, directory: Path, ledger: Ledger | None = None) -> None:
        self._directory = directory
        self._ledger = ledger
        self._completed: set[str] = set()
        self._expires_at = 0.0

    def _paths(self) -> Iterator[Path]:
        known = self._cached_completed()
        paths = [path for path in list_segments(self._directory) if path.name not in known]
        for start in range(0, len(paths), _MAX_NAMES):
            batch = paths[start : start + _MAX_NAMES]
            names = [path.name for path in batch]
            completed = self._ledger.completed_segments(names) if self._ledger else set()
            if len(self._completed) < _MAX_CACHED:
                self._completed |= completed
            yield from (path for path in batch if path.name not in completed)

    def _cached_completed(self) -> set[str]:
        """Completed segments, cached for some minutes: a repair may plan to send from one again."""
        if time.monotonic() >= self._expires_at:
            self._completed, self._expires_at = set(), time.monotonic() + _CACHE_SECONDS
        return self._completed

    def count(self, period: Period) -> int:
        """The number of records in the segments, according to their seals."""
        return sum(map(_sealed_records, self._paths()))

    def pages(self, period: Period) -> Iterator[Page]:
        """Yields the records of a period, segment by segment."""
        records: list[PendingRecord] = []
        completed: list[str] = []
        scanned = 0
        for path in self._paths():
            is_complete = True
            for record in _records(path):
                scanned += 1
                if period.contains(record):
                    records.append(PendingRecord(record, path.name))
                else:
                    is_complete = False
                if len(records) == _PAGE_SIZE:
                    yield Page(records=records, scanned=scanned, completed_segments=completed)
                    records, scanned, completed = [], 0, []
            if is_complete:
                completed.append(path.name)
        if records or scanned or completed:
            yield Page(records=records, scanned=scanned, completed_segments=completed)

    def complete_until(self) -> datetime | None:
        """None: all sealed records are available."""
        return None


def _records(path: Path) -> Iterator[UsageRecord]:
    try:
        yield from (line for line in SegmentReader(path) if isinstance(line, RequestLine))
    except FileNotFoundError:
        return  # archived or pruned since it was listed
    except OSError as error:
        raise SegmentError(f"segment {path} cannot be read: {error.strerror}") from error


def _sealed_records(path: Path) -> int:
    try:
        with path.open("rb") as file:
            seal = parse_line(last_line(file, path.stat().st_size))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return 0
    return seal.records if isinstance(seal, SealLine) else 0
