"""What a report reads from an archive: only files that are as they were written, and each segment once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import duckdb

from etl.archive import manifest as archive_manifest
from etl.archive.manifest import ArchivedSegment, DayFile, Manifest
from etl.archive.store import Store
from etl.database.queries import named
from relayctl.errors import SourceError
from relayctl.reports.time_range import Period
from relayctl.sources.archive_selection import Share, Shelf
from relayctl.sources.file_metadata import Fact, Facts, mark_or_none
from relayctl.sources.rollup_cache import Piece, learn
from relayctl.sources.segments import Findings, pattern

Mark = tuple[int, ...]


def _needed(manifest: Manifest, period: Period) -> Iterator[DayFile]:
    """The files of the UTC days that the period touches."""
    for file in manifest.files:
        day = datetime.combine(file.day, time(), UTC)
        if day < period.until and period.since < day + timedelta(days=1):
            yield file


def _fact(file: DayFile, mark: Mark = ()) -> Fact:
    return Fact(mark=mark, is_exact=True, first=file.sums.first, last=file.sums.last)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the manifests of a period tell, taken in the order of their names."""

    segments: dict[str, ArchivedSegment] = field(default_factory=dict)
    files: dict[str, DayFile] = field(default_factory=dict)
    whole: Share = field(default_factory=Share)
    partial: list[Share] = field(default_factory=list)

    def add(self, manifest: Manifest, period: Period, findings: Findings) -> None:
        fresh = [segment for segment in manifest.segments if segment.name not in self.segments]
        needed = {file.name: file for file in _needed(manifest, period)} if fresh else {}
        share = self.whole
        if len(fresh) < len(manifest.segments):
            # Two archivers at once have put one segment into two groups: then only these rows count.
            share = Share()
            self.partial.append(share)
        share.files.extend(needed)
        share.segments.extend(segment.name for segment in fresh)
        self.files.update(needed)
        self.segments.update((segment.name, segment) for segment in fresh)
        for segment in fresh:
            _tell(segment, findings)


def _tell(segment: ArchivedSegment, findings: Findings) -> None:
    if segment.rejected:
        findings.rejected += segment.rejected
        findings.first_rejects.append(f"{segment.name}: see the segment in the archive")
    if segment.problem:
        findings.altered.append(f"{segment.name}: {segment.problem}")


def _proved(store: Store, file: DayFile, path: Path) -> Mark:
    """The mark of the local file. Raises `SourceError` when it is not the one that was written."""
    mark = mark_or_none(path)
    try:
        with path.open("rb") as data:
            sha256 = hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{file.name} of archive {store.url} cannot be read: {error.strerror}") from error
    if sha256 != file.sha256:
        raise SourceError(
            f"{file.name} of archive {store.url} was changed after it was written: restore it, "
            "or unpack the segments it was made from"
        )
    return mark or ()


def _learn(
    connection: duckdb.DuckDBPyConnection,
    facts: Facts,
    new: Mapping[str, Fact],
    files: Mapping[str, DayFile],
    paths: Mapping[str, Path],
) -> None:
    """Takes the sums of new files into volumes."""

    def piece(file: DayFile) -> Piece:
        return Piece(name=file.name, path=paths[file.name], day=str(file.day), records=file.sums.records)

    def run_checks(connection: duckdb.DuckDBPyConnection, pieces: Sequence[Piece]) -> dict[str, Fact]:
        asked = {"files": [pattern(one.path) for one in pieces], "pieces": list(range(len(pieces)))}
        connection.execute(named("report_fresh_archive"), asked)
        return {one.name: new.get(one.name) or facts.pieces[one.name] for one in pieces}

    known = [piece(file) for name, file in files.items() if name in facts.pieces]
    learn(connection, facts, [piece(files[name]) for name in new], known, run_checks)
    facts.keep()


def opened(
    store: Store,
    period: Period,
    scratch: Path,
    findings: Findings,
    *,
    facts: Facts,
    connection: duckdb.DuckDBPyConnection,
) -> Shelf:
    """What the archive has of the period; files that are not local are copied to `scratch`.

    Those that are new to `facts` are held against their hashes. Raises `SourceError` or `EtlError` when a
    manifest or a file is missing, unreadable or was changed.
    """
    told = _Told()
    if not store.names(archive_manifest.FOLDER):
        findings.empty.append(store.url)  # in a bucket a misspelt name looks like an empty one
    for _, manifest in archive_manifest.read_all(store, since=period.since, until=period.until):
        told.add(manifest, period, findings)
    with ThreadPoolExecutor() as pool:
        paths = dict(
            zip(told.files, pool.map(lambda name: store.local(name, scratch), told.files), strict=True)
        )
        facts.settle(paths, {str(file.day) for file in told.files.values()})
        unknown = [file for name, file in told.files.items() if name not in facts.pieces]
        marks = pool.map(lambda file: _proved(store, file, paths[file.name]), unknown)
        new = {file.name: _fact(file, mark) for file, mark in zip(unknown, marks, strict=True)}
    if facts.folder:
        _learn(
            connection,
            facts,
            {name: new[name] for name in new if name in told.whole.files},
            told.files,
            paths,
        )
    shelf = Shelf(
        segments=told.segments,
        shares=[told.whole, *told.partial],
        paths=paths,
        times={
            name: fact
            for name, file in told.files.items()
            if (fact := _fact(file)).may_hold(period.since, period.until)
        },
        whole=frozenset(told.whole.files),
        facts=facts,
    )
    return shelf.with_files(shelf.times.__contains__)
