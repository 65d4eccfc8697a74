"""Loads one sealed segment: records, hourly sums, rejects and the ledger row, all in one transaction.

A segment is loaded once, whoever tries: its lock keeps two loaders apart, its ledger row ends the matter.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Context, localcontext
from itertools import islice
from pathlib import Path
from typing import Final

import psycopg
from psycopg import errors

from etl.database import partitions
from etl.database.queries import named
from etl.errors import SegmentError
from etl.load import ledger, rejects, staging
from etl.load.ledger import Loaded
from etl.records import columns
from etl.records.rows import to_csv, to_row
from etl.rollup import rollup
from etl.rollup.rollup import When
from etl.segments.blocks import Block
from etl.segments.reading import Reading, record_times
from etl.segments.rejects import Reject
from proxy.segments.lines import IntentLine
from proxy.segments.record import RequestLine

# What is held in memory at most before it is sent, so that a segment of any size fits.
_MAX_HOURS: Final = 10_000
_MAX_INTENTS: Final = 5_000
_MAX_REJECTS: Final = 200
_MAX_AHEAD: Final = 4 * 1024 * 1024
_ATTEMPTS: Final = 6
# 12 fractional digits leave 48 before the point.
EXACT: Final = Context(prec=60)
"""Decimal arithmetic in which sums of money over a whole segment stay exact."""


def _send(connection: psycopg.Connection) -> None:
    """Waits until the server has taken what is written: libpq would keep any amount in memory."""
    while connection.pgconn.flush():
        select.select([], [connection], [])


def _has_answered(connection: psycopg.Connection) -> bool:
    """Whether the server is done: the commit must not wait, because other loads may wait for its rows."""
    return bool(select.select([connection], [], [], 0)[0])


class _Load:
    """One attempt at one segment: read as far as memory goes, then sent in the caller's transaction."""

    def __init__(self, connection: psycopg.Connection, path: Path, *, staged: bool) -> None:
        self._connection = connection
        self._staged = staged
        self._reading = Reading(path)
        self._hours = rollup.Hours(connection)
        self._rejects: list[Reject] = []
        self._intents: dict[str, IntentLine] = {}
        self._rows = self._read()
        self._read_ahead: list[bytes] = []

    @property
    def path(self) -> Path:
        """The segment's file."""
        return self._reading.path

    def read_ahead(self) -> None:
        """Reads the beginning while the server works, and sends nothing of it yet. Raises `OSError`."""
        size = 0
        while size < _MAX_AHEAD and not self._full() and not _has_answered(self._connection):
            if (rows := next(self._rows, None)) is None:
                return
            self._read_ahead.append(rows)
            size += len(rows)

    def run(self, meanwhile: Callable[[], object]) -> Loaded:
        """Sends everything, and does something else while the server adds up.

        Raises psycopg's errors and `OSError`; the caller's transaction then undoes everything.
        """
        while self._copy():
            self._flush()
        self._flush()
        self._send_intents()
        loaded, contradicting, when = self._settle()
        with self._connection.pipeline():
            rollup.mark(self._connection, when)
            account = ledger.enter(
                self._connection, self._reading, loaded=loaded, contradicting=contradicting, when=when
            )
            # Otherwise the server would keep its answers to itself until it is asked for them.
            self._connection.pgconn.send_flush_request()
            self._connection.pgconn.flush()
            meanwhile()
        return account

    def _read(self) -> Iterator[bytes]:
        """The rows of each item for COPY: none of what is no record, which goes to where it is kept."""
        # A staged record is kept with the place of its line, which blocks do not tell.
        for item in self._reading if self._staged else self._reading.blocks():
            rows: Sequence[object] = ()
            if isinstance(item, Block):
                self._count(item)
                rows = item.rows()
            elif isinstance(item, RequestLine):
                self._intents.pop(item.request_id, None)
                rows = [self._row(item)]
            elif isinstance(item, Reject):
                self._rejects.append(item)
            else:
                self._intents[item.request_id] = item
            yield to_csv(rows)

    def _row(self, record: RequestLine) -> tuple[object, ...]:
        if self._staged:
            return (*to_row(record), self._reading.line_number, self._reading.byte_offset)
        self._hours.add(record)
        return to_row(record)

    def _count(self, block: Block) -> None:
        self._hours.add_block(block)
        ended = {record.request_id for record in block.records}
        for begun in ended & self._intents.keys():
            del self._intents[begun]
        self._intents |= {one.request_id: one for one in block.intents if one.request_id not in ended}

    def _copy(self) -> bool:
        """Streams records until memory is full or the segment ends; gives whether there may be more."""
        statement = named("copy_loading_records" if self._staged else "copy_usage_records", **columns.SQL)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for beginning in self._read_ahead:
                copy.write(beginning)
            self._read_ahead.clear()
            while not self._full():
                if (rows := next(self._rows, None)) is None:
                    return False
                copy.write(rows)
                _send(self._connection)
        return True

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

    def _settle(self) -> tuple[int, int, When]:
        """How many records are new and how many contradict stored ones; when the new were."""
        if not self._staged:
            return self._reading.records, 0, self._hours.when()
        (loaded, when), contradicting = staging.store(self._connection), 0
        found = staging.contradictions(self._connection, self._reading.path)
        while batch := list(islice(found, _MAX_REJECTS)):
            rejects.save(self._connection, batch)
            contradicting += len(batch)
        return loaded, contradicting, when


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


class Loader:
    """Loads segments over one connection; while the server finishes one, the next is read already.

    Nothing of the next is sent before the one at hand is committed, so a transaction waits for what it always
    waited for.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        prepare(connection)
        self._connection = connection
        self._next: _Load | None = None

    def load(self, path: Path, following: Sequence[Path] = ()) -> Loaded | None:
        """Loads a sealed segment; None when it is loaded already or another process is loading it now.

        `following` are the next ones to be loaded, or the first of them. Raises psycopg's errors, `OSError`
        and `SegmentError`, and then nothing of the segment is loaded.
        """
        staged = False
        for _ in range(_ATTEMPTS):
            try:
                return self._attempt(path, following, staged=staged)
            except errors.CheckViolation as error:
                if error.diag.constraint_name:
                    raise
                # PostgreSQL has no partition for a record: this is how a new month announces itself.
                partitions.ensure(self._connection, partitions.months_of(record_times(path)))
            except (errors.UniqueViolation, errors.DeadlockDetected):
                # Records that are there already, or that another loader is bringing at this moment.
                staged = True
        raise SegmentError(f"{path.name} could not be loaded in {_ATTEMPTS} attempts: try again")

    def _attempt(self, path: Path, following: Sequence[Path], *, staged: bool) -> Loaded | None:
        begun = self._begun(path)
        with self._connection.transaction(), localcontext(EXACT):
            if not ledger.claim(self._connection, path.name):
                return None
            # Staged loads wait for the others and run alone, so what they find stored stays so to the end.
            self._connection.execute(named("lock_staged_load" if staged else "lock_straight_load"))
            if staged or begun is None:
                begun = _Load(self._connection, path, staged=staged)
            chosen = self._chosen(following)
            return begun.run(lambda: self._begin(chosen))

    def _begun(self, path: Path) -> _Load | None:
        """What is read of a segment already; it is given once."""
        if self._next is None or self._next.path != path:
            return None
        begun, self._next = self._next, None
        return begun

    def _chosen(self, following: Sequence[Path]) -> Path | None:
        """The first that no other process has; until this transaction ends none takes it."""
        if self._next is not None:
            return None
        return next((path for path in following if ledger.claim(self._connection, path.name)), None)

    def _begin(self, path: Path | None) -> None:
        """Reads the beginning of a segment; what is wrong with it is told when its turn comes."""
        if path is None:
            return
        with suppress(OSError, SegmentError):
            begun = _Load(self._connection, path, staged=False)
            begun.read_ahead()
            self._next = begun
