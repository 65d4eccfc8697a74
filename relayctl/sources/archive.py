"""Selects what a report reads from an archive: verified files, and each segment once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import msgspec

from etl.archive import manifest as archive_manifest
from etl.archive.manifest import ArchivedSegment, DayFile, Manifest
from etl.archive.store import Store
from proxy.segments.lines import SealLine, last_line, parse_line
from relayctl.errors import SourceError
from relayctl.reports.time_range import Period
from relayctl.sources.file_metadata import FileMetadata, Fingerprint, SourceFile, TimeRange, fingerprint
from relayctl.sources.rollup_cache import RollupCache
from relayctl.sources.segments import Findings, glob_escaped
from relayctl.sources.statements import Connection, sql


@dataclass(frozen=True, kw_only=True)
class ReadGroup:
    """Parquet files that are read together, and the segments whose rows in them count."""

    files: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ArchiveSelection:
    """The files of an archive for a period, by name; no segment is in two read groups.

    Every row of the files in `whole` counts, so that their sums may come from the rollup cache.
    """

    segments: dict[str, ArchivedSegment] = field(default_factory=dict)
    whole: ReadGroup = field(default_factory=ReadGroup)
    partial: list[ReadGroup] = field(default_factory=list)
    paths: dict[str, Path] = field(default_factory=dict)
    metadata: dict[str, FileMetadata] = field(default_factory=dict)

    def groups(self, wanted: Callable[[str], bool]) -> Iterator[ReadGroup]:
        """The read groups with only the files of such names."""
        for group in (self.whole, *self.partial):
            files = [name for name in group.files if wanted(name)]
            if files:
                yield replace(group, files=files)

    def without_archived(self, paths: list[Path], findings: Findings) -> list[Path]:
        """The segments that are not in the archive; adds those that differ from it to `findings`."""
        for path in paths:
            archived = self.segments.get(path.name)
            if archived and not _is_same(path, archived):
                findings.altered.append(f"{path.name}: it is not the one in the archive, which counts")
        return [path for path in paths if path.name not in self.segments]


def _is_same(path: Path, archived: ArchivedSegment) -> bool:
    """Whether size and seal are those of the archived segment; true for one that was removed meanwhile."""
    try:
        with path.open("rb") as file:
            size, seal = path.stat().st_size, parse_line(last_line(file, path.stat().st_size))
    except OSError:
        return True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return archived.seal is None and size == archived.bytes
    return size == archived.bytes and isinstance(seal, SealLine) and seal.sha256 == archived.seal


def _needed(manifest: Manifest, period: Period) -> Iterator[DayFile]:
    """The files of the UTC days that the period touches."""
    for file in manifest.files:
        day = datetime.combine(file.day, time(), UTC)
        if day < period.until and period.since < day + timedelta(days=1):
            yield file


def _report(segment: ArchivedSegment, findings: Findings) -> None:
    if segment.rejected:
        findings.rejected += segment.rejected
        findings.first_rejects.append(f"{segment.name}: see the segment in the archive")
    if segment.problem:
        findings.altered.append(f"{segment.name}: {segment.problem}")


def _selected(
    store: Store, period: Period, findings: Findings
) -> tuple[ArchiveSelection, dict[str, DayFile]]:
    """What the manifests of the period contain, in the order of their names; paths are not known yet."""
    found, files = ArchiveSelection(), dict[str, DayFile]()
    for _, manifest in archive_manifest.read_all(store, since=period.since, until=period.until):
        added = [segment for segment in manifest.segments if segment.name not in found.segments]
        needed = {file.name: file for file in _needed(manifest, period)} if added else {}
        group = found.whole
        if len(added) < len(manifest.segments):
            # Two archivers at once put one segment into two groups: only the rows of the others count.
            group = ReadGroup()
            found.partial.append(group)
        group.files.extend(needed)
        group.segments.extend(segment.name for segment in added)
        files |= needed
        for segment in added:
            found.segments[segment.name] = segment
            _report(segment, findings)
    return found, files


def _verified(store: Store, file: DayFile, path: Path) -> Fingerprint:
    """The fingerprint of the local file. Raises `SourceError` if it is not the one that was written."""
    found = fingerprint(path)
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
    return found or ()


def _metadata(file: DayFile, file_fingerprint: Fingerprint) -> FileMetadata:
    first, last = file.sums.first, file.sums.last
    times = TimeRange(first=first, last=last) if first and last else None
    return FileMetadata(fingerprint=file_fingerprint, is_verified=True, times=times)


def _update(
    connection: Connection, cache: RollupCache, new: dict[str, FileMetadata], files: list[SourceFile]
) -> None:
    """Adds the sums of new files to the cache."""

    def verify(chunk: Sequence[SourceFile]) -> dict[str, FileMetadata]:
        if cache.is_writing:
            parameters = {
                "files": [glob_escaped(file.path) for file in chunk],
                "numbers": list(range(len(chunk))),
            }
            connection.execute(sql("verify_read_parquet"), parameters)
        return {file.name: new[file.name] for file in chunk}

    cache.update(files, [file.name for file in files], verify)


def select(
    connection: Connection,
    store: Store,
    period: Period,
    *,
    scratch: Path,
    findings: Findings,
    cache: RollupCache,
) -> ArchiveSelection:
    """The files of the archive for a period; those that are not local are copied to `scratch`.

    Compares the hashes of files that are new to the cache. Raises `SourceError` or `EtlError` when a manifest
    or a file is missing, cannot be read or was changed.
    """
    if not store.names(archive_manifest.FOLDER):
        findings.empty.append(store.url)  # in a bucket, a wrong prefix looks like an empty one
    found, files = _selected(store, period, findings)
    with ThreadPoolExecutor() as pool:
        local = pool.map(lambda name: store.local(name, scratch), files)
        found.paths.update(zip(files, local, strict=True))
        new = [
            file
            for name, file in files.items()
            if name not in cache.files or cache.files[name].fingerprint != fingerprint(found.paths[name])
        ]
        fingerprints = list(pool.map(lambda file: _verified(store, file, found.paths[file.name]), new))
    metadata = {file.name: _metadata(file, one) for file, one in zip(new, fingerprints, strict=True)}
    whole = set(found.whole.files)
    sources = [
        SourceFile(name=file.name, path=found.paths[file.name], records=file.sums.records)
        for file in new
        if file.name in whole
    ]
    _update(connection, cache, metadata, sources)
    for name, file in files.items():
        one = cache.files.get(name) if name in whole else None
        one = one or metadata.get(name) or _metadata(file, ())
        if one.may_contain(period.since, period.until):
            found.metadata[name] = one
    return found
