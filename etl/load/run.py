"""One run of the ETL: every sealed segment that is not loaded yet, then the daily view; once or for ever."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

import psycopg

from etl.database import partitions
from etl.database.connection import connect, translated
from etl.database.migrations import check
from etl.database.queries import named
from etl.errors import DatabaseError, EtlError, SegmentError
from etl.load import ledger, status
from etl.load.ledger import Loaded
from etl.load.segment import Loader, alone
from etl.rollup import rollup
from etl.segments.reading import listing

Progress = Callable[[int, int], None]
"""Called after each segment with how many of how many are dealt with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """What a run did: counts of segments, counts of their lines, and what it could not do.

    `listed` segments lay in the directory, `segments` were loaded by this run, `waiting` are still not
    loaded by anyone. `failed` has one sentence per segment that could not be read or stored.
    """

    listed: int
    segments: int
    waiting: int
    loaded: int
    duplicate: int
    rejected: int
    failed: tuple[str, ...]
    refreshed: bool
    as_of: datetime | None


# Where others load too, those that come first are theirs.
_LOOK_AHEAD: Final = 16


def _loaded(loader: Loader, path: Path, following: list[Path]) -> Loaded | str | None:
    """Loads a segment, or says in one sentence why this one cannot be loaded and the others may."""
    try:
        with alone(path):
            return loader.load(path, following)
    except SegmentError as error:
        return str(error)


def _load_all(
    connection: psycopg.Connection, paths: list[Path], progress: Progress | None, stop: threading.Event | None
) -> tuple[list[Loaded], list[str]]:
    loader = Loader(connection)
    loaded: list[Loaded] = []
    failed: list[str] = []
    for done, path in enumerate(paths, start=1):
        if stop and stop.is_set():
            break
        outcome = _loaded(loader, path, paths[done : done + _LOOK_AHEAD])
        if isinstance(outcome, str):
            failed.append(outcome)
        elif outcome:
            loaded.append(outcome)
        if progress:
            progress(done, len(paths))
    return loaded, failed


def _run(
    connection: psycopg.Connection, directory: Path, progress: Progress | None, stop: threading.Event | None
) -> RunResult:
    listed_at = datetime.now(UTC)
    paths = listing(directory)
    todo = ledger.missing(connection, (path.name for path in paths))
    partitions.ensure(connection, partitions.ahead(listed_at))
    loaded, failed = _load_all(connection, [path for path in paths if path.name in todo], progress, stop)
    connection.execute(named("delete_ended_intents"))
    waiting = ledger.missing(connection, todo)
    if not waiting:
        ledger.set_as_of(connection, listed_at)
    return RunResult(
        listed=len(paths),
        segments=len(loaded),
        waiting=len(waiting),
        loaded=sum(one.loaded for one in loaded),
        duplicate=sum(one.duplicate for one in loaded),
        rejected=sum(one.rejected for one in loaded),
        failed=tuple(failed),
        refreshed=rollup.refresh(connection, force=False),
        as_of=status.as_of(connection),
    )


def run(
    url: str, directory: Path, *, progress: Progress | None = None, stop: threading.Event | None = None
) -> RunResult:
    """Loads what waits in the directory and refreshes `usage_daily` when that changed something.

    `stop`, once set, ends the run after the segment that is being loaded. Raises `EtlError` when nothing can
    be done at all; a segment that fails alone is told in the result and the others are loaded.
    """
    try:
        connection = connect(url)
    except DatabaseError as error:
        raise DatabaseError(f"{error}; nothing was loaded, the segments wait in {directory}") from error
    with connection:
        check(connection)
        try:
            with translated(connection):
                return _run(connection, directory, progress, stop)
        except DatabaseError as error:
            raise DatabaseError(f"{error}; what was not loaded waits in {directory}") from error


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Sets the event at the first SIGTERM or SIGINT; a second one acts as it did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_every(
    url: str,
    directory: Path,
    seconds: float,
    report: Callable[[RunResult | EtlError], None],
    *,
    stop: threading.Event | None = None,
) -> None:
    """Runs now and then every `seconds` until SIGTERM, SIGINT or `stop`; a failed run is only reported."""
    stop = stop or threading.Event()
    with stopped_by_signals(stop):
        while not stop.is_set():
            begun = time.monotonic()
            try:
                report(run(url, directory, stop=stop))
            except EtlError as error:
                report(error)
            stop.wait(max(0.0, begun + seconds - time.monotonic()))
