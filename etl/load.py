"""Loads one sealed segment: records, hourly sums, rejects and the ledger row, all in one transaction.

A segment is loaded once, whoever tries: its lock keeps two loaders apart, its ledger row ends the matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Context, localcontext
from itertools import islice
from pathlib import Path
from typing import Final

import psycopg
from psycopg import errors

from etl import ledger, partitions, rejects, rollup, staging
from etl.blocks import Block
from etl.errors import SegmentError
from etl.ledger import Loaded
from etl.queries import named
from etl.rejects import Reject
from etl.rows import block_rows, to_csv, to_row
from etl.segments import Reading
from proxy.record import RequestLine
from proxy.segment import IntentLine

# What is held in memory at most before it is sent, so that a segment of any size fits.
_MAX_HOURS: Final = 10_000
_MAX_INTENTS: Final = 5_000
_MAX_REJECTS: Final = 200
_ATTEMPTS: Final = 6
# 12 fractional digits leave 48 before the point.
EXACT: Final = Context(prec=60)
"""Decimal arithmetic in which sums of money over a whole segment stay exact."""


class _Load:
    """One attempt, inside one transaction, at one segment."""

    def __init__(self, connection: psycopg.Connection, path: Path, *, staged: bool) -> None:
        self._connection = connection
        self._staged = staged
        self._reading = Reading(path)
        self._hours = rollup.Hours(connection)
        self._rejects: list[Reject] = []
        self._intents: dict[str, IntentLine] = {}

    def run(self) -> Loaded:
        """Raises psycopg's errors and `OSError`; the caller's transaction then undoes everything."""
        # A staged record is kept with the place of its line, which blocks do not tell.
        items = iter(self._reading) if self._staged else self._reading.blocks()
        while self._copy(items):
            self._flush()
        self._flush()
        self._send_intents()
        loaded, contradicting = self._settle()
        rollup.upsert(self._connection)
        return ledger.enter(self._connection, self._reading, loaded=loaded, contradicting=contradicting)

    def _copy(self, items: Iterator[Block | RequestLine | IntentLine | Reject]) -> bool:
        """Streams records until memory is full or the segment ends; gives whether there may be more."""
        statement = named("copy_loading_records" if self._staged else "copy_usage_records")
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for item in items:
                if isinstance(item, Block):
                    self._write_block(copy, item)
                elif isinstance(item, RequestLine):
                    self._intents.pop(item.request_id, None)
                    self._write(copy, item)
                elif isinstance(item, Reject):
                    self._rejects.append(item)
                else:
                    self._intents[item.request_id] = item
                if self._full():
                    return True
        return False

    def _write(self, copy: psycopg.Copy, record: RequestLine) -> None:
        if self._staged:
            copy.write_row((*to_row(record), self._reading.line_number, self._reading.byte_offset))
        else:
            copy.write(to_csv([to_row(record)]))
            self._hours.add(record)

    def _write_block(self, copy: psycopg.Copy, block: Block) -> None:
        copy.write(to_csv(block_rows(block)))
        self._hours.add_block(block)
        ended = {record.request_id for record in block.records}
        for begun in ended & self._intents.keys():
            del self._intents[begun]
        self._intents |= {one.request_id: one for one in block.intents if one.request_id not in ended}

    def _full(self) -> bool:
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
        ledger.keep_intents(self._connection, self._reading.path.name, self._intents.values())
        self._intents.clear()

    def _settle(self) -> tuple[int, int]:
        """How many records are new, and how many contradict a stored one (and are rejected)."""
        if not self._staged:
            return self._reading.records, 0
        loaded, contradicting = staging.store(self._connection), 0
        found = staging.contradictions(self._connection, self._reading.path)
        while batch := list(islice(found, _MAX_REJECTS)):
            rejects.save(self._connection, batch)
            contradicting += len(batch)
        return loaded, contradicting


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Turns what keeps one segment from being loaded, and no other, into a `SegmentError`."""
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


def prepare(connection: psycopg.Connection) -> None:
    """Makes the temporary tables that `load` works with; once per connection."""
    connection.execute(named("create_loading_tables"))


def load(connection: psycopg.Connection, path: Path) -> Loaded | None:
    """Loads a sealed segment; None when it is loaded already or another process is loading it now.

    Raises psycopg's errors, `OSError` and `SegmentError`, and then nothing of the segment is loaded.
    """
    staged = False
    for _ in range(_ATTEMPTS):
        try:
            return _attempt(connection, path, staged=staged)
        except errors.CheckViolation as error:
            if error.diag.constraint_name:
                raise
            # PostgreSQL has no partition for a record: this is how a new month announces itself.
            partitions.ensure(connection, partitions.months_of(path))
        except (errors.UniqueViolation, errors.DeadlockDetected):
            # Records that are there already, or that another loader is bringing at this moment.
            staged = True
    raise SegmentError(f"{path.name} could not be loaded in {_ATTEMPTS} attempts: try again")


def _attempt(connection: psycopg.Connection, path: Path, *, staged: bool) -> Loaded | None:
    with connection.transaction(), localcontext(EXACT):
        if not ledger.claim(connection, path.name):
            return None
        # Staged loads wait for the others and run alone, so what they find stored stays so to the end.
        connection.execute(named("lock_staged_load" if staged else "lock_straight_load"))
        return _Load(connection, path, staged=staged).run()
