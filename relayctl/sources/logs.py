"""Reports from a log directory and an archive, read with DuckDB: PostgreSQL's numbers without any database.

A segment that its seal vouches for is read by DuckDB alone, as long as DuckDB is certain about every field it
needs. Any other is read again line by line, by the very function that the ETL reads with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from etl.archive_store import Store
from etl.queries import named
from relayctl.errors import SourceError
from relayctl.question import Answer, Question
from relayctl.sources import archive, cells, segments

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US: Final = 3_600_000_000


def parameters(question: Question) -> dict[str, Any]:
    """What `report_logs` is asked with."""
    return {
        "since": _naive(question.period.since),
        "until": _naive(question.period.until),
        "slot_us": _slot_us(question.inner_boundaries),
        "inner_boundaries": [_naive(boundary) for boundary in question.inner_boundaries],
        **cells.parameters(question),
    }


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _slot_us(boundaries: list[datetime]) -> int:
    """The longest slot, at most an hour, that no boundary divides; in microseconds."""
    return math.gcd(_HOUR_US, *((at - _EPOCH) // timedelta(microseconds=1) for at in boundaries))


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """The sealed segments in a directory and in an archive, those that are in both once.

    `now` is the clock that says when the directory was listed.
    """

    directory: Path
    now: Callable[[], datetime]
    archive: Store | None = None

    def answer(self, question: Question) -> Answer:
        """Raises `SourceError` or `EtlError` when what it reads is not there, or DuckDB gives up."""
        findings = segments.Findings()
        as_of = self.now()
        # First, because a segment that is removed hereafter is in the archive by then.
        paths = self._listed(findings)
        try:
            with TemporaryDirectory(prefix="relayctl-") as scratch, _database() as connection:
                shelf = archive.Shelf()
                if self.archive:
                    shelf = archive.opened(self.archive, question.period, Path(scratch), findings)
                    paths = shelf.without(paths, findings)
                places = shelf.places(paths)
                _load(connection, {places[path.name]: path for path in paths}, question, findings)
                archive.load(connection, shelf, places, parameters(question))
                _forget_duplicates(connection)
                rows = connection.execute(named("report_logs"), parameters(question)).fetchall()
        except RuntimeError as error:
            # What DuckDB makes of Ctrl-C.
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from error
            raise
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise SourceError(f"DuckDB cannot read the segments in {self.directory}: {reason}") from error
        return Answer(cells=cells.from_rows(rows, question.group_by), as_of=as_of, notes=findings.sentences())

    def _listed(self, findings: segments.Findings) -> list[Path]:
        """The local segments. Whoever has the archive only can report on it, and is told so."""
        if self.archive and not self.directory.exists():
            findings.absent.append(str(self.directory))
            return []
        return segments.found(self.directory, findings)


def _database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(named("report_logs_macros"))
    connection.execute(named("report_logs_table"))
    return connection


def _load(
    connection: duckdb.DuckDBPyConnection,
    paths: dict[int, Path],
    question: Question,
    findings: segments.Findings,
) -> None:
    """Loads segments, given by their places in the order of all."""
    with ThreadPoolExecutor() as pool:
        vouched_for = dict(zip(paths, pool.map(_is_vouched_for, paths.values()), strict=True))
    vouched = [place for place, yes in vouched_for.items() if yes]
    doubtful = _read(connection, [(place, paths[place]) for place in vouched], question)
    strictly = sorted(paths.keys() - {*vouched} | doubtful)
    with TemporaryDirectory(prefix="relayctl-") as folder:
        for place in strictly:
            copy = Path(folder) / f"{place}.jsonl"
            try:
                segments.write_clean_copy(paths[place], copy, findings)
            except OSError as error:
                findings.unreadable.append(f"{paths[place].name}: {error.strerror}")
                continue
            _insert(connection, [(place, copy)], question)
            copy.unlink()


def _forget_duplicates(connection: duckdb.DuckDBPyConnection) -> None:
    if connection.execute(named("report_logs_duplicates")).fetchall()[0][0]:
        connection.execute(named("report_logs_forget_duplicates"))


def _is_vouched_for(path: Path) -> bool:
    try:
        return segments.is_vouched_for(path)
    except OSError:
        return False


def _read(
    connection: duckdb.DuckDBPyConnection, files: list[tuple[int, Path]], question: Question
) -> set[int]:
    """Loads whole segments, and gives the places of those about which DuckDB is not certain, unloaded."""
    try:
        _insert(connection, files, question)
    except (duckdb.InvalidInputException, duckdb.IOException):
        if len(files) == 1:
            return {files[0][0]}
        middle = len(files) // 2
        return _read(connection, files[:middle], question) | _read(connection, files[middle:], question)
    doubtful = {row[0] for row in connection.execute(named("report_logs_doubtful")).fetchall()}
    if doubtful:
        connection.execute(named("report_logs_forget_files"), {"files": sorted(doubtful)})
    return doubtful


def _insert(connection: duckdb.DuckDBPyConnection, files: list[tuple[int, Path]], question: Question) -> None:
    if files:
        connection.execute(
            named("report_logs_read"),
            {
                "files": [segments.pattern(path) for _, path in files],
                "places": [place for place, _ in files],
                "since": _naive(question.period.since),
                "until": _naive(question.period.until),
            },
        )
