"""Retries rejected lines that newer code or a fixed database may accept; one transaction per segment.

`etl_rejects` stores only the beginning of a line, so the lines are read again from the segment file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import localcontext
from itertools import islice
from pathlib import Path
from typing import Final, TypeGuard

import psycopg
from psycopg import errors

from etl.database import partitions
from etl.database.connection import connect, translate_errors
from etl.database.migrations import check_schema
from etl.database.queries import named
from etl.errors import SegmentError
from etl.load import ledger, staging
from etl.load.segment import MONEY_CONTEXT, segment_errors
from etl.records import columns
from etl.records.rows import to_csv, to_row
from etl.rollup import rollup
from etl.rollup.rollup import LoadedTimes
from etl.segments.reader import SegmentReader, record_times
from etl.segments.rejects import Reject
from proxy.segments.lines import IntentLine
from proxy.segments.record import RequestLine

_BATCH_LINES: Final = 5_000

Item = RequestLine | IntentLine | Reject


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryResult:
    """Lines that are no longer rejected, by outcome; `others` turned out not to be records.

    `failed` has one sentence per segment that could not be retried.
    """

    loaded: int
    duplicate: int
    others: int
    failed: tuple[str, ...]

    @property
    def accepted(self) -> int:
        """How many lines are no longer rejected."""
        return self.loaded + self.duplicate + self.others


def _is_acceptable(item: Item, pruned_before: datetime | None) -> TypeGuard[RequestLine]:
    """Whether it is a record that may be stored.

    A record that contradicted a stored one stays rejected when the stored one may have been pruned since.
    """
    return isinstance(item, RequestLine) and not (pruned_before and item.created_at < pruned_before)


class _SegmentRetry:
    """One attempt, in one transaction, to load the rejects of one segment."""

    def __init__(self, connection: psycopg.Connection, path: Path) -> None:
        self._connection = connection
        self._reader = SegmentReader(path)
        self._items: Iterator[Item] = iter(self._reader)
        self._pushed_back: Item | None = None
        self._name = path.name
        self._staged = self._others = 0

    def run(self) -> RetryResult:
        """Raises psycopg's errors, `OSError`, `SegmentError`; the caller must then roll back."""
        row = self._connection.execute(named("lock_segment"), (self._name,)).fetchone()
        for batch in self._rejected_lines():
            self._stage(batch)
        for _ in self._items:
            pass  # read to the end, so that the integrity check is complete
        if row != (self._reader.integrity.sha256,):
            raise SegmentError(
                f"segment {self._reader.path} is not the file that was loaded: its SHA-256 differs"
            )
        loaded, times = (
            self._store() if self._staged else (0, LoadedTimes(first_hour=None, last_hour=None, days=[]))
        )
        duplicate = self._delete_accepted() - loaded
        if loaded + duplicate + self._others:
            self._update_ledger(loaded, duplicate, times)
        return RetryResult(loaded=loaded, duplicate=duplicate, others=self._others, failed=())

    def _rejected_lines(self) -> Iterator[dict[int, bool]]:
        """Yields batches of rejected line numbers, with whether each contradicted a stored record."""
        last = 0
        while True:
            values = (staging.CONTRADICTION, self._name, last, _BATCH_LINES)
            rows = self._connection.execute(named("rejected_lines"), values).fetchall()
            if not rows:
                return
            yield dict(rows)
            last, _ = rows[-1]

    def _items_through(self, last: int) -> Iterator[Item]:
        """Yields the items up to a line number; the first one after it is pushed back for the next call."""
        while (item := self._pushed_back or next(self._items, None)) is not None:
            self._pushed_back = item
            if self._reader.line_number > last:
                return
            self._pushed_back = None
            yield item

    def _stage(self, batch: dict[int, bool]) -> None:
        """Stages the lines of a batch that are acceptable records now."""
        intents, not_yielded = list[IntentLine](), set(batch)
        pruned_before = self._pruned_before()
        statement = named("copy_loading_records", **columns.SQL)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for item in self._items_through(max(batch)):
                number = self._reader.line_number
                if isinstance(item, IntentLine) and number in batch:
                    intents.append(item)
                    continue
                not_yielded.discard(number)
                if number in batch and _is_acceptable(item, pruned_before if batch[number] else None):
                    copy.write(to_csv([(*to_row(item), number, self._reader.byte_offset)]))
                    self._staged += 1
        ledger.insert_intents(self._connection, self._name, intents)
        # What remains is an intent, an open or a seal line, and no longer a reject.
        self._delete_rejects(not_yielded)

    def _pruned_before(self) -> datetime | None:
        row = self._connection.execute(named("pruned_before")).fetchone()
        return row[0] if row else None

    def _delete_rejects(self, numbers: set[int]) -> None:
        self._connection.execute(named("delete_rejects"), (self._name, list(numbers)))
        self._others += len(numbers)

    def _store(self) -> tuple[int, LoadedTimes]:
        """Stores staged records that do not contradict; returns how many are new, and their times."""
        self._connection.execute(named("lock_staged_load"))
        loaded, times = staging.store(self._connection)
        found = staging.contradicting_lines(self._connection)
        while numbers := [number for number, _ in islice(found, _BATCH_LINES)]:
            reason = (staging.CONTRADICTION, self._name, numbers)
            self._connection.execute(named("set_reject_reason"), reason)
            self._connection.execute(named("delete_staged_lines"), (numbers,))
        rollup.mark(self._connection, times)
        return loaded, times

    def _delete_accepted(self) -> int:
        return self._connection.execute(named("delete_staged_rejects"), (self._name,)).rowcount

    def _update_ledger(self, loaded: int, duplicate: int, times: LoadedTimes) -> None:
        row = ledger.segment_values(self._reader, times) | {
            "loaded": loaded,
            "duplicate": duplicate,
            "others": self._others,
        }
        self._connection.execute(named("update_segment_after_retry"), row)


def _retry_segment(connection: psycopg.Connection, path: Path) -> RetryResult:
    try:
        with segment_errors(path), localcontext(MONEY_CONTEXT):
            try:
                return _attempt(connection, path)
            except errors.CheckViolation as error:
                if error.diag.constraint_name:
                    raise
                partitions.ensure(connection, partitions.months_of(record_times(path)))
                return _attempt(connection, path)
    except SegmentError as error:
        return RetryResult(loaded=0, duplicate=0, others=0, failed=(str(error),))


def _attempt(connection: psycopg.Connection, path: Path) -> RetryResult:
    with connection.transaction():
        return _SegmentRetry(connection, path).run()


def retry(url: str, directory: Path) -> RetryResult:
    """Loads the rejected lines that are acceptable now, from the segments in the directory.

    Raises `EtlError` when no segment can be retried at all.
    """
    with connect(url) as connection:
        check_schema(connection)
        with translate_errors(connection):
            staging.create_table(connection)
            names = [name for (name,) in connection.execute(named("rejected_segments")).fetchall()]
            results = [_retry_segment(connection, directory / name) for name in names]
            connection.execute(named("delete_ended_intents"))
            rollup.refresh(connection, force=False)
    return RetryResult(
        loaded=sum(one.loaded for one in results),
        duplicate=sum(one.duplicate for one in results),
        others=sum(one.others for one in results),
        failed=tuple(sentence for one in results for sentence in one.failed),
    )
