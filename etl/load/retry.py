"""Tries the rejected lines again, which newer code or a fixed database may accept: a segment, a transaction.

The lines are read from the segment's file, of which `etl_rejects` holds only the beginnings.
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
from etl.database.connection import connect, translated
from etl.database.migrations import check
from etl.database.queries import named
from etl.errors import SegmentError
from etl.load import ledger, staging
from etl.load.segment import EXACT, alone, prepare
from etl.records import columns
from etl.records.rows import to_csv, to_row
from etl.rollup import rollup
from etl.rollup.rollup import When
from etl.segments.reading import Reading, record_times
from etl.segments.rejects import Reject
from proxy.segments.lines import IntentLine
from proxy.segments.record import RequestLine

_LINES: Final = 5_000

Item = RequestLine | IntentLine | Reject


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryResult:
    """What became of lines that were rejected; `others` turned out to be no records.

    `failed` has one sentence per segment whose lines could not be tried.
    """

    loaded: int
    duplicate: int
    others: int
    failed: tuple[str, ...]

    @property
    def accepted(self) -> int:
        """How many lines are rejected no more."""
        return self.loaded + self.duplicate + self.others


def _may_be_stored(item: Item, unknown_before: datetime | None) -> TypeGuard[RequestLine]:
    """Whether it is a record now. What it contradicted may be pruned since, which does not make it true."""
    return isinstance(item, RequestLine) and not (unknown_before and item.created_at < unknown_before)


class _Retry:
    """One attempt, inside one transaction, at the rejects of one segment."""

    def __init__(self, connection: psycopg.Connection, path: Path) -> None:
        self._connection = connection
        self._reading = Reading(path)
        self._items: Iterator[Item] = iter(self._reading)
        self._held: Item | None = None
        self._name = path.name
        self._staged = self._others = 0

    def run(self) -> RetryResult:
        """Raises psycopg's errors, `OSError`, `SegmentError`; the caller's transaction undoes everything."""
        row = self._connection.execute(named("lock_segment"), (self._name,)).fetchone()
        for wanted in self._rejected():
            self._stage(wanted)
        for _ in self._items:
            pass  # to the end: the account of the segment is made anew
        if row != (self._reading.sha256,):
            raise SegmentError(
                f"segment {self._reading.path} is not the file that was loaded: its SHA-256 differs"
            )
        loaded, when = self._store() if self._staged else (0, When(first_hour=None, last_hour=None, days=[]))
        duplicate = self._accepted() - loaded
        if loaded + duplicate + self._others:
            self._account(loaded, duplicate, when)
        return RetryResult(loaded=loaded, duplicate=duplicate, others=self._others, failed=())

    def _rejected(self) -> Iterator[dict[int, bool]]:
        """The numbers of the rejected lines, part by part, and whether each contradicted a stored record."""
        last = 0
        while True:
            asked = (staging.CONTRADICTION, self._name, last, _LINES)
            rows = self._connection.execute(named("rejected_lines"), asked).fetchall()
            part: dict[int, bool] = dict(rows)
            if not part:
                return
            yield part
            last = max(part)

    def _until(self, last: int) -> Iterator[Item]:
        """The items up to a line; the first one after it is held for the next time."""
        while (item := self._held or next(self._items, None)) is not None:
            self._held = item
            if self._reading.line_number > last:
                return
            self._held = None
            yield item

    def _stage(self, wanted: dict[int, bool]) -> None:
        """Stages those of the wanted lines that are records now."""
        intents, passed = list[IntentLine](), set(wanted)
        pruned_before = self._pruned_before()
        with (
            self._connection.cursor() as cursor,
            cursor.copy(named("copy_loading_records", **columns.SQL)) as copy,
        ):
            for item in self._until(max(wanted)):
                number = self._reading.line_number
                if isinstance(item, IntentLine) and number in wanted:
                    intents.append(item)
                    continue
                passed.discard(number)
                if number in wanted and _may_be_stored(item, pruned_before if wanted[number] else None):
                    copy.write(to_csv([(*to_row(item), number, self._reading.byte_offset)]))
                    self._staged += 1
        ledger.keep_intents(self._connection, self._name, intents)
        # Lines that were passed by are read as an intent, an open line or a seal now.
        self._forget(passed)

    def _pruned_before(self) -> datetime | None:
        row = self._connection.execute(named("pruned_before")).fetchone()
        return row[0] if row else None

    def _forget(self, numbers: set[int]) -> None:
        self._connection.execute(named("delete_rejects"), (self._name, list(numbers)))
        self._others += len(numbers)

    def _store(self) -> tuple[int, When]:
        """Stores what is staged, but for what contradicts: how many are new, and when they were."""
        self._connection.execute(named("lock_staged_load"))
        loaded, when = staging.store(self._connection)
        found = staging.contradicting_lines(self._connection)
        while numbers := [number for number, _ in islice(found, _LINES)]:
            reason = (staging.CONTRADICTION, self._name, numbers)
            self._connection.execute(named("set_reject_reason"), reason)
            self._connection.execute(named("delete_staged_lines"), (numbers,))
        rollup.mark(self._connection, when)
        return loaded, when

    def _accepted(self) -> int:
        return self._connection.execute(named("delete_staged_rejects"), (self._name,)).rowcount

    def _account(self, loaded: int, duplicate: int, when: When) -> None:
        reading = self._reading
        row = {
            "name": self._name,
            "previous": reading.previous,
            "first_seq": reading.first_seq,
            "last_seq": reading.last_seq,
            "missing_lines": reading.missing_lines,
            "intents": reading.intents,
            "recovered": reading.seal is not None and reading.seal.recovered,
            "seal_problem": reading.problem(),
            "loaded": loaded,
            "duplicate": duplicate,
            "others": self._others,
            "first_hour": when.first_hour,
            "last_hour": when.last_hour,
        }
        self._connection.execute(named("account_for_retry"), row)


def _retried(connection: psycopg.Connection, path: Path) -> RetryResult:
    try:
        with alone(path), localcontext(EXACT):
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
        return _Retry(connection, path).run()


def retry(url: str, directory: Path) -> RetryResult:
    """Loads the rejected lines that are acceptable now, from the segments in the directory.

    Raises `EtlError` when nothing can be done at all.
    """
    with connect(url) as connection:
        check(connection)
        with translated(connection):
            prepare(connection)
            names = [name for (name,) in connection.execute(named("rejected_segments")).fetchall()]
            results = [_retried(connection, directory / name) for name in names]
            connection.execute(named("delete_ended_intents"))
            rollup.refresh(connection, force=False)
    return RetryResult(
        loaded=sum(one.loaded for one in results),
        duplicate=sum(one.duplicate for one in results),
        others=sum(one.others for one in results),
        failed=tuple(sentence for one in results for sentence in one.failed),
    )
