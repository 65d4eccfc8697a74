"""Runs the ETL once or periodically: loads sealed segments that are not loaded, then refreshes rollups."""

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
from etl.database.connection import connect, translate_errors
from etl.database.migrations import check_schema
from etl.database.queries import named
from etl.errors import DatabaseError, EtlError, SegmentError
from etl.load import ledger, status
from etl.load.ledger import LoadResult
from etl.load.loader import Loader
from etl.load.segment import segment_errors
from etl.rollup import rollup
from etl.segments.reader import list_segments

Progress = Callable[[int, int], None]
"""Called after each segment with the number of processed segments and of all to process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """The result of a run: counts of segments and of their lines.

    `listed` segments were in the directory, this run loaded `segments` of them, `waiting` are not loaded by
    any process. `failed` has one sentence per segment that could not be read or stored.
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


# More than one, because other loaders may have claimed the first ones.
_PREFETCH_CANDIDATES: Final = 16


def _load(loader: Loader, path: Path, next_paths: list[Path]) -> LoadResult | str | None:
    """Loads a segment; returns a sentence when this segment, but not others, cannot be loaded."""
    try:
        with segment_errors(path):
            return loader.load(path, next_paths)
    except SegmentError as error:
        return str(error)


def _load_all(
    loader: Loader, paths: list[Path], progress: Progress | None, stop: threading.Event | None
) -> tuple[list[LoadResult], list[str]]:
    loaded: list[LoadResult] = []
    failed: list[str] = []
    for done, path in enumerate(paths, start=1):
        if stop and stop.is_set():
            break
        outcome = _load(loader, path, paths[done : done + _PREFETCH_CANDIDATES])
        if isinstance(outcome, str):
            failed.append(outcome)
        elif outcome:
            loaded.append(outcome)
        if progress:
            progress(done, len(paths))
    return loaded, failed


def _run(
    connection: psycopg.Connection,
    directory: Path,
    progress: Progress | None,
    stop: threading.Event | None,
    *,
    fast_path: bool,
) -> RunResult:
    listed_at = datetime.now(UTC)
    paths = list_segments(directory)
    pending = ledger.unloaded(connection, (path.name for path in paths))
    partitions.ensure(connection, partitions.current_and_next(listed_at))
    loader = Loader(connection, fast_path=fast_path)
    loaded, failed = _load_all(loader, [path for path in paths if path.name in pending], progress, stop)
    connection.execute(named("delete_ended_intents"))
    waiting = ledger.unloaded(connection, pending)
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
    url: str,
    directory: Path,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    fast_path: bool = True,
) -> RunResult:
    """Loads the segments in the directory that are not loaded, and refreshes `usage_daily` if that is needed.

    Setting `stop` ends the run after the current segment. Raises `EtlError` when no segment can be loaded at
    all; the failure of a single segment is reported in the result, and the others are loaded. Without
    `fast_path` every line is parsed by itself: the same result with more CPU time.
    """
    try:
        connection = connect(url)
    except DatabaseError as error:
        raise DatabaseError(f"{error}; nothing was loaded, the segments remain in {directory}") from error
    with connection:
        check_schema(connection)
        try:
            with translate_errors(connection):
                return _run(connection, directory, progress, stop, fast_path=fast_path)
        except DatabaseError as error:
            raise DatabaseError(f"{error}; segments that were not loaded remain in {directory}") from error


@contextmanager
def stop_on_signals(stop: threading.Event) -> Iterator[None]:
    """Sets the event on the first SIGTERM or SIGINT; a second one has its previous effect."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def run_every(
    url: str,
    directory: Path,
    seconds: float,
    report: Callable[[RunResult | EtlError], None],
    *,
    stop: threading.Event | None = None,
    fast_path: bool = True,
) -> None:
    """Runs now and every `seconds` until SIGTERM, SIGINT or `stop`; a failed run is only reported."""
    stop = stop or threading.Event()
    with stop_on_signals(stop):
        while not stop.is_set():
            started = time.monotonic()
            try:
                report(run(url, directory, stop=stop, fast_path=fast_path))
            except EtlError as error:
                report(error)
            stop.wait(max(0.0, started + seconds - time.monotonic()))
