"""Writes a group of sealed segments into an archive: Parquet by day, the segments, the manifest last."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from etl.archive import manifest as manifests
from etl.archive import pack as archive_pack
from etl.archive import verification as archive_verify
from etl.archive.manifest import ArchivedSegment, DayFile, Manifest, StoredFile, Tally
from etl.archive.parquet import Rows, to_parquet
from etl.archive.store import Store
from etl.errors import ArchiveError, SegmentError
from etl.segments.reader import SegmentReader
from proxy.segments.record import RequestLine

_GROUP_BYTES: Final = 64 * 2**20
_GROUP_SEGMENTS: Final = 2000


def groups(paths: list[Path]) -> list[list[Path]]:
    """Cuts a list of segments into groups, so large that files are not small, and not larger.

    Raises `SegmentError` when a segment cannot be looked at.
    """
    cut: list[list[Path]] = []
    size = 0
    for path in paths:
        try:
            bytes_here = path.stat().st_size
        except OSError as error:
            raise SegmentError(f"segment {path} cannot be read: {error.strerror}") from error
        if not cut or len(cut[-1]) >= _GROUP_SEGMENTS or size + bytes_here > _GROUP_BYTES:
            cut.append([])
            size = 0
        cut[-1].append(path)
        size += bytes_here
    return cut


class _Group:
    """One group on its way into the archive; memory is bounded whatever the sizes of its segments."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = Rows()
        self._segments: list[ArchivedSegment] = []
        self._files: list[DayFile] = []

    def read(self, path: Path) -> None:
        """Takes the records of a segment, exactly those that the ETL would load."""
        tally, reading, written = Tally(), SegmentReader(path), 0
        for item in reading:
            if isinstance(item, RequestLine):
                tally.add(item)
                self._rows.add(item, segment=path.name, line=reading.line_number)
            if reading.byte_offset - written >= _GROUP_BYTES:
                # A segment larger than any group: memory holds one group's bytes of it at a time.
                self._write_days()
                written = reading.byte_offset
        self._segments.append(
            ArchivedSegment(
                name=path.name,
                sha256=reading.integrity.sha256,
                bytes=reading.byte_offset,
                seal=reading.integrity.seal.sha256 if reading.integrity.seal else None,
                rejected=reading.rejected,
                intents=reading.intents,
                problem=reading.integrity.problem(),
                sums=tally.sums(),
            )
        )

    def _write_days(self) -> None:
        for day, table in self._rows.take():
            data = to_parquet(table)
            sha256 = hashlib.sha256(data).hexdigest()
            name = f"day={day}/{sha256}.parquet"
            self._store.put(name, io.BytesIO(data))
            sums = archive_verify.sums_of(table)
            self._files.append(DayFile(name=name, sha256=sha256, bytes=len(data), day=day, sums=sums))

    def _write_pack(self, paths: list[Path]) -> StoredFile:
        with TemporaryFile() as file:
            packed = archive_pack.write(paths, file)
            for segment in self._segments:
                if packed[segment.name] != segment.sha256:
                    raise SegmentError(f"segment {segment.name} was changed while it was archived: try again")
            file.seek(0)
            sha256, size = archive_pack.hashed(file)
            name = f"segments/{sha256}.tar.zst"
            file.seek(0)
            self._store.put(name, file)
        return StoredFile(name=name, sha256=sha256, bytes=size)

    def finish(self, paths: list[Path]) -> Manifest:
        """Writes what is left, and gives the manifest of it all."""
        self._write_days()
        pack = self._write_pack(paths)
        return Manifest(
            segments=tuple(self._segments),
            files=tuple(self._files),
            pack=pack,
            sums=manifests.total(segment.sums for segment in self._segments),
        )


def write(store: Store, paths: list[Path]) -> tuple[str, Manifest]:
    """Archives segments as one group, reads it back, and gives the manifest with its name.

    Raises `ArchiveError` or `SegmentError`; then there is no manifest, and nothing of the group counts.
    """
    group = _Group(store)
    try:
        for path in paths:
            group.read(path)
        manifest = group.finish(paths)
    except OSError as error:
        place = error.filename or "the temporary directory"
        raise SegmentError(f"{place} cannot be read or written: {error.strerror or error}") from error
    if problems := archive_verify.problems(store, manifest):
        raise ArchiveError(f"archive {store.url} does not give back what was written: {problems[0]}")
    return manifests.put(store, manifest), manifest
