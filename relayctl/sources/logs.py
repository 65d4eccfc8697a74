"""Reports from a log directory and an archive, read with DuckDB: PostgreSQL's numbers without a database.

    log directory ── sealed segments ──┐ verified once          ┌── rollup cache: sums per file, hour and day
                                       ├─ (seal, hash, fields) ─┤
    archive ── manifests ── Parquet ───┘                        └── records: parts of hours, percentiles, and
                                                                    files that are altered, or share a record
    rollup cache + records ── log_queries ── result rows

`report_inputs` decides which way each file goes; `statements` makes the SQL from the descriptions of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb

from etl.archive.store import LocalStore, Store
from relayctl.errors import SourceError
from relayctl.reports.query import Answer, Latencies, ReportQuery
from relayctl.reports.time_range import Period
from relayctl.sources import archive, segments
from relayctl.sources.archive import ArchiveSelection
from relayctl.sources.log_queries import LogQueries
from relayctl.sources.report_inputs import ReportInputs, add_segments, load_order, select_rollups, verify_new
from relayctl.sources.rollup_cache import RollupCache
from relayctl.sources.statements import Connection, database

T = TypeVar("T")


@contextmanager
def translated() -> Iterator[None]:
    """Turns DuckDB's errors into `SourceError`, and its interrupts into `KeyboardInterrupt`."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        raise SourceError(f"DuckDB cannot read the segments: {str(error).splitlines()[0]}") from error


class LogRecords:
    """The records of a period, for several queries; without the rollup cache if it is damaged."""

    def __init__(self, source: LogSource, opened: ReportQuery, as_of: datetime, stack: ExitStack) -> None:
        self._source = source
        self._opened = opened
        self._as_of = as_of
        self._stack = stack
        with translated():
            self._open(source)

    def answer(self, query: ReportQuery) -> Answer:
        """Raises `SourceError` when DuckDB gives up."""
        rows = self._run(lambda queries: queries.rows(query))
        return Answer(rows=rows, as_of=self._as_of, notes=self._notes)

    def latencies(self, query: ReportQuery) -> Latencies:
        """Raises `SourceError` when DuckDB gives up."""
        return Latencies(rows=self._run(lambda queries: queries.latencies(query)))

    def _run(self, run: Callable[[LogQueries], T]) -> T:
        with translated():
            try:
                return run(self._queries)
            except duckdb.Error:
                if not self._inputs.rollups:
                    raise
                for cache in self._inputs.caches:
                    cache.discard()
                self._open(replace(self._source, cache=None))
                return run(self._queries)

    def _open(self, source: LogSource) -> None:
        findings = segments.Findings()
        scratch = Path(self._stack.enter_context(TemporaryDirectory(prefix="relayctl-")))
        connection = self._stack.enter_context(database(scratch=scratch))
        self._inputs = source.inputs(connection, self._opened.period, scratch, findings)
        self._queries = LogQueries(connection, self._inputs, self._opened.period)
        self._notes = findings.sentences()


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """The sealed segments in a directory and in an archive; those that are in both count once.

    `now` is the clock for the time at which the directory is listed. `cache` is the directory of the rollup
    caches (None: nothing is cached). `copy_of` is the URL that the directory is a copy of.
    """

    directory: Path
    now: Callable[[], datetime]
    archive: Store | None = None
    cache: Path | None = None
    copy_of: str | None = None

    def answer(self, query: ReportQuery) -> Answer:
        """Raises `SourceError` or `EtlError` when an input is missing, or DuckDB gives up."""
        with self.opened(query) as records:
            return records.answer(query)

    @contextmanager
    def opened(self, query: ReportQuery) -> Iterator[LogRecords]:
        """Raises as `answer` does."""
        with ExitStack() as stack:
            yield LogRecords(self, query, self.now(), stack)

    @contextmanager
    def local(self) -> Iterator[LogSource]:
        """The source itself, because it is on this machine."""
        yield self

    def inputs(
        self, connection: Connection, period: Period, scratch: Path, findings: segments.Findings
    ) -> ReportInputs:
        """All files of the period; `scratch` takes copies, for as long as the inputs are used."""
        # The directory first, because a segment that is removed later is in the archive by then.
        listed = self._listed(findings)
        cache = RollupCache(connection, "logs_cache", self.directory, self.cache)
        found, archive_cache = self._archived(connection, period, scratch, findings)
        paths = found.without_archived(listed, findings)
        order = load_order({*found.segments, *(path.name for path in paths)})
        inputs = ReportInputs(archive=found, load_order=order, caches=(cache, *archive_cache))
        verify_new(connection, cache, paths, listed)
        add_segments(inputs, paths, cache.files, period, scratch=scratch, findings=findings)
        select_rollups(inputs)
        return inputs

    def _archived(
        self, connection: Connection, period: Period, scratch: Path, findings: segments.Findings
    ) -> tuple[ArchiveSelection, list[RollupCache]]:
        if self.archive is None:
            return ArchiveSelection(), []
        # A file that is fetched from elsewhere has a new fingerprint each time.
        directory = self.cache if isinstance(self.archive, LocalStore) else None
        cache = RollupCache(connection, "archive_cache", Path(self.archive.url), directory)
        found = archive.select(
            connection, self.archive, period, scratch=scratch, findings=findings, cache=cache
        )
        return found, [cache]

    def _listed(self, findings: segments.Findings) -> list[Path]:
        """The local segments; a missing directory is only noted when there is an archive."""
        if self.archive and not self.directory.exists():
            findings.absent.append(str(self.directory))
            return []
        found = segments.found(self.directory, findings)
        if self.copy_of and not found:
            findings.empty.append(self.copy_of)  # in a bucket, a wrong prefix looks like an empty one
        return found
