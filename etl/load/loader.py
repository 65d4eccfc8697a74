"""Loads segments one after another over one connection.

A segment is loaded once, by any number of concurrent loaders: an advisory lock keeps two of them from loading
the same segment, and the ledger row marks it as loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import localcontext
from pathlib import Path
from typing import Final

import psycopg
from psycopg import errors

from etl.database import partitions
from etl.database.queries import named
from etl.errors import SegmentError
from etl.load import ledger, staging
from etl.load.ledger import LoadResult
from etl.load.segment import MONEY_CONTEXT, SegmentLoad
from etl.segments.reader import record_times

_ATTEMPTS: Final = 6


class Loader:
    """Loads segments; while the server finishes one, the loader already reads the next.

    Nothing of the next segment is sent before the current one is committed: prefetching adds no lock waits.
    """

    def __init__(self, connection: psycopg.Connection, *, fast_path: bool = True) -> None:
        staging.create_table(connection)
        self._connection = connection
        self._fast_path = fast_path
        self._prefetched: SegmentLoad | None = None

    def load(self, path: Path, next_paths: Sequence[Path] = ()) -> LoadResult | None:
        """Loads a sealed segment; None when it is loaded already or another process is loading it.

        `next_paths` are the segments to load next, or the first few of them. Raises psycopg's errors,
        `OSError` and `SegmentError`, and then nothing of the segment is loaded.
        """
        staged = False
        for _ in range(_ATTEMPTS):
            try:
                return self._attempt(path, next_paths, staged=staged)
            except errors.CheckViolation as error:
                if error.diag.constraint_name:
                    raise
                # A record belongs to a month that has no partition yet.
                partitions.ensure(self._connection, partitions.months_of(record_times(path)))
            except (errors.UniqueViolation, errors.DeadlockDetected):
                # Some records are stored already, or another loader is storing them now.
                staged = True
        raise SegmentError(f"{path.name} could not be loaded in {_ATTEMPTS} attempts: try again")

    def _attempt(self, path: Path, next_paths: Sequence[Path], *, staged: bool) -> LoadResult | None:
        load = self._take_prefetched(path)
        with self._connection.transaction(), localcontext(MONEY_CONTEXT):
            if not ledger.claim(self._connection, path.name):
                return None
            # A staged load waits for all others and runs alone, so that stored records stay as it finds them.
            self._connection.execute(named("lock_staged_load" if staged else "lock_direct_load"))
            if staged or load is None:
                load = SegmentLoad(self._connection, path, staged=staged, fast_path=self._fast_path)
            next_path = self._claim_next(next_paths)
            return load.run(lambda: self._prefetch(next_path))

    def _take_prefetched(self, path: Path) -> SegmentLoad | None:
        """Returns the prefetched load of a segment, once; None when another or no segment is prefetched."""
        if self._prefetched is None or self._prefetched.path != path:
            return None
        load, self._prefetched = self._prefetched, None
        return load

    def _claim_next(self, paths: Sequence[Path]) -> Path | None:
        """Claims the first segment that no other process has, until the current transaction ends."""
        if self._prefetched is not None:
            return None
        return next((path for path in paths if ledger.claim(self._connection, path.name)), None)

    def _prefetch(self, path: Path | None) -> None:
        """Prefetches a segment; its errors are ignored here and raised when it is loaded."""
        if path is None:
            return
        with suppress(OSError, SegmentError):
            load = SegmentLoad(self._connection, path, staged=False, fast_path=self._fast_path)
            load.prefetch()
            self._prefetched = load
