"""Loads the records, hourly sums, intents, rejects and ledger row of one segment in one transaction."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Context
from itertools import islice
from pathlib import Path
from typing import Final

import psycopg
from psycopg import errors

from etl.database.queries import named
from etl.errors import SegmentError
from etl.load import ledger, rejects, staging
from etl.load.ledger import LoadResult
from etl.records import columns
from etl.records.rows import to_csv, to_csv_by_field, to_row
from etl.rollup import rollup
from etl.rollup.rollup import LoadedTimes
from etl.segments.blocks import Block
from etl.segments.reader import SegmentReader
from etl.segments.rejects import Reject
from proxy.segments.lines import IntentLine
from proxy.segments.record import RequestLine

# Limits of what is buffered before it is sent, so that memory does not depend on the size of a segment.
_MAX_HOURS: Final = 10_000
_MAX_INTENTS: Final = 5_000
_MAX_REJECTS: Final = 200
_MAX_PREFETCH_BYTES: Final = 4 * 1024 * 1024
# 12 fractional digits leave 48 before the point.
MONEY_CONTEXT: Final = Context(prec=60)
"""Decimal context in which sums of money over a whole segment stay exact."""


@contextmanager
def segment_errors(path: Path) -> Iterator[None]:
    """Turns errors that prevent one segment from being loaded, but not others, into `SegmentError`."""
    try:
        yield
    except OSError as error:
        raise SegmentError(f"segment {path} cannot be read: {error.strerror}") from error
    except (
        psycopg.DataError,
        psycopg.IntegrityError,
        errors.ProgramLimitExceeded,
        errors.OutOfMemory,
    ) as error:
        raise SegmentError(f"segment {path} cannot be stored: {error.diag.message_primary}") from error


def _flush_to_server(connection: psycopg.Connection) -> None:
    """Waits until the server has received everything written; libpq would buffer without limit."""
    while connection.pgconn.flush():
        select.select([], [connection], [])


def _has_response(connection: psycopg.Connection) -> bool:
    """Whether the server has answered. The commit must not wait: other loads may wait for locked rows."""
    return bool(select.select([connection], [], [], 0)[0])


class SegmentLoad:
    """One attempt to load one segment, with bounded memory, in the transaction of the caller.

    `staged` loads through the staging table (`etl.load.staging`), otherwise records go straight to
    `usage_records`. Without `fast_path` every line is parsed, and every field written, by itself: the same
    rows with more CPU time.
    """

    def __init__(
        self, connection: psycopg.Connection, path: Path, *, staged: bool, fast_path: bool = True
    ) -> None:
        self._connection = connection
        self._by_line = staged or not fast_path  # staged records need the position of their line
        self._to_csv = to_csv if fast_path else to_csv_by_field
        self._staged = staged
        self._reader = SegmentReader(path)
        self._hours = rollup.Hours(connection)
        self._rejects: list[Reject] = []
        self._intents: dict[str, IntentLine] = {}
        self._rows = self._read_rows()
        self._prefetched: list[bytes] = []

    @property
    def path(self) -> Path:
        """The file of the segment."""
        return self._reader.path

    def prefetch(self) -> None:
        """Reads the beginning into memory while the server is busy, and sends nothing. Raises `OSError`."""
        size = 0
        while size < _MAX_PREFETCH_BYTES and not self._is_full() and not _has_response(self._connection):
            if (rows := next(self._rows, None)) is None:
                return
            self._prefetched.append(rows)
            size += len(rows)

    def run(self, while_waiting: Callable[[], object]) -> LoadResult:
        """Sends everything, and calls `while_waiting` while the server works on the last statements.

        Raises psycopg's errors and `OSError`; the caller must then roll back.
        """
        while self._copy():
            self._flush()
        self._flush()
        self._send_intents()
        loaded, contradicting, times = self._finish_records()
        with self._connection.pipeline():
            rollup.mark(self._connection, times)
            result = ledger.insert_segment(
                self._connection, self._reader, loaded=loaded, contradicting=contradicting, times=times
            )
            # Without this the server would hold back its responses until the end of the pipeline.
            self._connection.pgconn.send_flush_request()
            self._connection.pgconn.flush()
            while_waiting()
        return result

    def _read_rows(self) -> Iterator[bytes]:
        """Yields COPY rows for each item read (none for intents and rejects, which are buffered)."""
        for item in self._reader if self._by_line else self._reader.blocks():
            rows: Sequence[object] = ()
            if isinstance(item, Block):
                self._add_block(item)
                rows = item.rows()
            elif isinstance(item, RequestLine):
                self._intents.pop(item.request_id, None)
                rows = [self._row(item)]
            elif isinstance(item, Reject):
                self._rejects.append(item)
            else:
                self._intents[item.request_id] = item
            yield self._to_csv(rows)

    def _row(self, record: RequestLine) -> tuple[object, ...]:
        if self._staged:
            return (*to_row(record), self._reader.line_number, self._reader.byte_offset)
        self._hours.add(record)
        return to_row(record)

    def _add_block(self, block: Block) -> None:
        self._hours.add_block(block)
        ended = {record.request_id for record in block.records}
        for request_id in ended & self._intents.keys():
            del self._intents[request_id]
        self._intents |= {one.request_id: one for one in block.intents if one.request_id not in ended}

    def _copy(self) -> bool:
        """Copies records until a buffer is full or the segment ends; returns whether there may be more."""
        statement = named("copy_loading_records" if self._staged else "copy_usage_records", **columns.SQL)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for rows in self._prefetched:
                copy.write(rows)
            self._prefetched.clear()
            while not self._is_full():
                if (following := next(self._rows, None)) is None:
                    return False
                copy.write(following)
                _flush_to_server(self._connection)
        return True

    def _is_full(self) -> bool:
        return (
            len(self._hours) >= _MAX_HOURS
            or len(self._rejects) >= _MAX_REJECTS
            or len(self._intents) >= _MAX_INTENTS
        )

    def _flush(self) -> None:
        self._hours.flush()
        rejects.save(self._connection, self._rejects)
        self._rejects.clear()
        if len(self._intents) >= _MAX_INTENTS:
            self._send_intents()

    def _send_intents(self) -> None:
        ledger.insert_intents(self._connection, self.path.name, self._intents.values())
        self._intents.clear()

    def _finish_records(self) -> tuple[int, int, LoadedTimes]:
        """Returns the number of new and of contradicting records, and the times of the new ones."""
        if not self._staged:
            return self._reader.records, 0, self._hours.times()
        (loaded, times), contradicting = staging.store(self._connection), 0
        found = staging.contradictions(self._connection, self.path)
        while batch := list(islice(found, _MAX_REJECTS)):
            rejects.save(self._connection, batch)
            contradicting += len(batch)
        return loaded, contradicting, times
