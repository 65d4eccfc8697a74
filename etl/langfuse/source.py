"""Where the records come from that are sent to Langfuse: PostgreSQL, or the sealed segments alone."""

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
from etl.langfuse.content import ended_at
from etl.langfuse.ledger import Item, Ledger
from etl.load.status import as_of
from etl.segments.reader import SegmentReader, list_segments
from proxy.segments.lines import SealLine, last_line, parse_line
from proxy.segments.record import Fault, RequestLine, UsageRecord

_PAGE: Final = 500
_NAMES: Final = 1000
_MOST_KNOWN: Final = 50_000
_KNOWN_SECONDS: Final = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """Requests that arrived from `since` to `until` (exclusive) and had ended before `horizon`."""

    since: datetime
    until: datetime
    horizon: datetime

    def holds(self, record: UsageRecord) -> bool:
        """Whether the record's request is one of them."""
        return self.since <= record.created_at < self.until and ended_at(record) < self.horizon


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """At most some hundred records, how many were looked at for them, and the segments that they end."""

    items: list[Item]
    seen: int
    ended: list[str]


class Source(Protocol):
    """Records in pages, roughly in the order of their arrival. Raises `EtlError` when they cannot be read."""

    def count(self, period: Period) -> int:
        """How many records there are to look at."""

    def pages(self, period: Period) -> Iterator[Page]:
        """The records of a period."""

    def complete_until(self) -> datetime | None:
        """The moment after which records may still be missing here; None: that is now."""


class PostgresRecords:
    """The loaded records. Implements `Source`."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def count(self, period: Period) -> int:
        """How many records there are to look at."""
        with translate_errors(self._connection):
            asked = {"since": period.since, "until": period.until}
            row = self._connection.execute(named("langfuse_count_records"), asked).fetchone()
        return int(row[0]) if row else 0

    def pages(self, period: Period) -> Iterator[Page]:
        """The records of a period, by time and id."""
        since, after_id = period.since, ""
        while rows := self._rows(since=since, until=period.until, after_id=after_id):
            records = [_from_row(row) for row in rows]
            since, after_id = records[-1].created_at, records[-1].request_id
            items = [Item(record, None) for record in records if period.holds(record)]
            yield Page(items=items, seen=len(rows), ended=[])

    def complete_until(self) -> datetime | None:
        """What was sealed before this moment is loaded."""
        return as_of(self._connection)

    def _rows(self, **place: Any) -> list[dict[str, Any]]:
        with translate_errors(self._connection), self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(named("langfuse_records"), place | {"limit": _PAGE}).fetchall()


def _from_row(row: dict[str, Any]) -> UsageRecord:
    error_type = row.pop("error_type")
    return UsageRecord(**row, error=Fault(type=error_type, message="") if error_type else None)


class LogRecords:
    """The records of the sealed segments in a directory; with a ledger only of those not yet dealt with.

    Implements `Source`. Lines that are no records are the ETL's to tell.
    """

    def __init__(self, directory: Path, ledger: Ledger | None = None) -> None:
        self._directory = directory
        self._ledger = ledger
        self._known: set[str] = set()
        self._known_until = 0.0

    def _paths(self) -> Iterator[Path]:
        known = self._finished_before()
        paths = [path for path in list_segments(self._directory) if path.name not in known]
        for start in range(0, len(paths), _NAMES):
            some = paths[start : start + _NAMES]
            finished = self._ledger.finished([path.name for path in some]) if self._ledger else set()
            if len(self._known) < _MOST_KNOWN:
                self._known |= finished
            yield from (path for path in some if path.name not in finished)

    def _finished_before(self) -> set[str]:
        """Segments not to be asked for every time, but now and then: a repair may want one again."""
        if time.monotonic() >= self._known_until:
            self._known, self._known_until = set(), time.monotonic() + _KNOWN_SECONDS
        return self._known

    def count(self, period: Period) -> int:
        """How many records there are to look at, as the seals of the segments say."""
        return sum(map(_sealed_records, self._paths()))

    def pages(self, period: Period) -> Iterator[Page]:
        """The records of a period, segment by segment."""
        items: list[Item] = []
        ended: list[str] = []
        seen = 0
        for path in self._paths():
            whole = True
            for record in _records(path):
                seen += 1
                if period.holds(record):
                    items.append(Item(record, path.name))
                else:
                    whole = False
                if len(items) == _PAGE:
                    yield Page(items=items, seen=seen, ended=ended)
                    items, seen, ended = [], 0, []
            if whole:
                ended.append(path.name)
        if items or seen or ended:
            yield Page(items=items, seen=seen, ended=ended)

    def complete_until(self) -> datetime | None:
        """None: what is sealed is here."""
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
