"""Archives sealed segments, and removes local ones after verifying that the archive contains them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, localcontext
from pathlib import Path
from typing import Final

import psycopg

from etl.archive import group as archive_group
from etl.archive import manifest as manifests
from etl.archive import pack as archive_pack
from etl.archive import verification as archive_verification
from etl.archive.manifest import ArchivedSegment, Manifest
from etl.archive.store import Store, open_store
from etl.database.connection import connect, translate_errors
from etl.database.migrations import check_schema
from etl.database.queries import named
from etl.errors import SegmentError
from etl.segments.reader import list_segments

# Sums of money over all segments of a group stay exact: 12 fractional digits leave 48 before the point.
_MONEY_CONTEXT: Final = Context(prec=60)

Progress = Callable[[int, int], None]
"""Called after each group with the number of archived groups and of all groups to archive."""


@dataclass(kw_only=True)
class ArchiveResult:
    """The result of a run; `parquet_bytes` and `pack_bytes` were written for `segment_bytes` of segments.

    `removed` local segments were removed; `retained` has one sentence per segment that is old enough but was
    not removed, and `failed` one per segment that could not be read.
    """

    segments: int = 0
    records: int = 0
    rejected: int = 0
    segment_bytes: int = 0
    parquet_bytes: int = 0
    pack_bytes: int = 0
    removed: int = 0
    retained: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, manifest: Manifest) -> None:
        """Adds an archived group."""
        self.segments += len(manifest.segments)
        self.records += manifest.sums.records
        self.rejected += sum(segment.rejected for segment in manifest.segments)
        self.segment_bytes += sum(segment.bytes for segment in manifest.segments)
        self.parquet_bytes += sum(file.bytes for file in manifest.files)
        self.pack_bytes += manifest.pack.bytes


class _ArchiveRun:
    """One run over one log directory."""

    def __init__(self, directory: Path, store: Store, connection: psycopg.Connection | None) -> None:
        self._directory = directory
        self._store = store
        self._connection = connection
        self._archived: dict[str, ArchivedSegment] = {}
        self._manifest_of: dict[str, str] = {}
        self.result = ArchiveResult()

    def _add_manifest(self, name: str, manifest: Manifest) -> None:
        """Registers the segments of a manifest; if two contain a segment the first counts, as in reports."""
        for segment in manifest.segments:
            if self._manifest_of.setdefault(segment.name, name) == name:
                self._archived[segment.name] = segment
        if self._connection:
            _mark_archived(self._connection, self._store.url, manifest)

    def archive(self, progress: Progress | None) -> None:
        """Archives every sealed segment that is not in the archive; an unreadable one is skipped."""
        paths = list_segments(self._directory)
        for name, manifest in manifests.read_all(self._store):
            self._add_manifest(name, manifest)
        pending = [path for path in paths if path.name not in self._archived]
        groups = archive_group.split_into_groups([path for path in pending if self._is_readable(path)])
        for done, group in enumerate(groups, start=1):
            name, manifest = archive_group.write(self._store, group)
            self._add_manifest(name, manifest)
            self.result.add(manifest)
            if progress:
                progress(done, len(groups))

    def _is_readable(self, path: Path) -> bool:
        try:
            path.open("rb").close()
        except OSError as error:
            self.result.failed.append(f"segment {path} cannot be read: {error.strerror}")
            return False
        return True

    def remove(self, older_than: timedelta, now: datetime) -> None:
        """Removes local segments last written before `now - older_than` that are archived and loaded."""
        old = [path for path in list_segments(self._directory) if _written_at(path) < now - older_than]
        loaded = _archived_names(self._connection, [path.name for path in old]) if self._connection else None
        problems: dict[str, list[str]] = {}
        for path in old:
            name = self._manifest_of.get(path.name)
            if name is None:
                continue
            if name not in problems:
                manifest = manifests.read(self._store, name)
                problems[name] = archive_verification.find_problems(self._store, manifest)
            if reason := next(iter(problems[name]), None) or self._reason_to_retain(path, loaded):
                self.result.retained.append(f"{path.name} is kept: {reason}")
                continue
            path.unlink(missing_ok=True)
            self.result.removed += 1

    def _reason_to_retain(self, path: Path, loaded: set[str] | None) -> str | None:
        """Why the local file of an archived segment must not be removed; None when it may be."""
        segment = self._archived[path.name]
        if segment.problem:
            return segment.problem
        if loaded is not None and path.name not in loaded:
            return "it is not loaded into the database, or was loaded with other content"
        with path.open("rb") as file:
            if archive_pack.sha256_and_size(file) != (segment.sha256, segment.bytes):
                return "it differs from the segment in the archive"
        return None


def _written_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        # Removed by another process since it was listed.
        return datetime.max.replace(tzinfo=UTC)


def _mark_archived(connection: psycopg.Connection, url: str, manifest: Manifest) -> None:
    """Marks the segments of a manifest as archived in the ledger."""
    names = [segment.name for segment in manifest.segments]
    hashes = [segment.sha256 for segment in manifest.segments]
    with translate_errors(connection):
        connection.execute(named("mark_archived"), {"archive": url, "names": names, "hashes": hashes})


def _archived_names(connection: psycopg.Connection, names: list[str]) -> set[str]:
    with translate_errors(connection):
        return {name for (name,) in connection.execute(named("archived_segments"), (names,))}


def archive(
    directory: Path,
    to: str,
    *,
    older_than: timedelta | None = None,
    database_url: str | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> ArchiveResult:
    """Archives the sealed segments of a log directory; with `older_than`, removes local ones that are older.

    With a database, the ledger is updated and only loaded segments are removed. Safe to repeat. Raises
    `EtlError`; groups with a manifest are archived then, and no local segment is lost.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(connect(database_url)) if database_url else None
        if connection:
            check_schema(connection)
        stack.enter_context(localcontext(_MONEY_CONTEXT))
        run = _ArchiveRun(directory, open_store(to, create=True), connection)
        run.archive(progress)
        if older_than is not None:
            try:
                run.remove(older_than, now or datetime.now(UTC))
            except OSError as error:
                raise SegmentError(f"segment {error.filename} cannot be removed: {error.strerror}") from error
    return run.result
