"""Archives a group of sealed segments: Parquet files by day, the packed segments, and last the manifest."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from etl.archive import manifest as manifests
from etl.archive import pack as archive_pack
from etl.archive import verification as archive_verification
from etl.archive.manifest import ArchivedSegment, DayFile, Manifest, StoredFile, Tally
from etl.archive.parquet import Rows, to_parquet
from etl.archive.store import Store
from etl.errors import ArchiveError, SegmentError
from etl.segments.reader import SegmentReader
from proxy.segments.record import RequestLine

_GROUP_BYTES: Final = 64 * 2**20
_GROUP_SEGMENTS: Final = 2000


def split_into_groups(paths: list[Path]) -> list[list[Path]]:
    """Splits a list of segments into groups of limited size and number. Raises `SegmentError`."""
    groups: list[list[Path]] = []
    size = 0
    for path in paths:
        try:
            segment_bytes = path.stat().st_size
        except OSError as error:
            raise SegmentError(f"segment {path} cannot be read: {error.strerror}") from error
        if not groups or len(groups[-1]) >= _GROUP_SEGMENTS or size + segment_bytes > _GROUP_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += segment_bytes
    return groups


class _GroupWriter:
    """Writes one group into the archive; memory use does not depend on the size of a segment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = Rows()
        self._segments: list[ArchivedSegment] = []
        self._files: list[DayFile] = []

    def add(self, path: Path) -> None:
        """Adds the records of a segment, exactly those that the ETL would load."""
        tally, reader, written = Tally(), SegmentReader(path), 0
        for item in reader:
            if isinstance(item, RequestLine):
                tally.add(item)
                self._rows.add(item, segment=path.name, line=reader.line_number)
            if reader.byte_offset - written >= _GROUP_BYTES:
                # The segment is larger than a group: at most so many bytes of it are held in memory.
                self._write_days()
                written = reader.byte_offset
        self._segments.append(
            ArchivedSegment(
                name=path.name,
                sha256=reader.integrity.sha256,
                bytes=reader.byte_offset,
                seal=reader.integrity.seal.sha256 if reader.integrity.seal else None,
                rejected=reader.rejected,
                intents=reader.intents,
                problem=reader.integrity.problem(),
                sums=tally.sums(),
            )
        )

    def _write_days(self) -> None:
        for day, table in self._rows.take():
            data = to_parquet(table)
            sha256 = hashlib.sha256(data).hexdigest()
            name = f"day={day}/{sha256}.parquet"
            self._store.put(name, io.BytesIO(data))
            sums = archive_verification.sums_of(table)
            self._files.append(DayFile(name=name, sha256=sha256, bytes=len(data), day=day, sums=sums))

    def _write_pack(self, paths: list[Path]) -> StoredFile:
        with TemporaryFile() as file:
            packed = archive_pack.write(paths, file)
            for segment in self._segments:
                if packed[segment.name] != segment.sha256:
                    raise SegmentError(f"segment {segment.name} was changed while it was archived: try again")
            file.seek(0)
            sha256, size = archive_pack.sha256_and_size(file)
            name = f"segments/{sha256}.tar.zst"
            file.seek(0)
            self._store.put(name, file)
        return StoredFile(name=name, sha256=sha256, bytes=size)

    def finish(self, paths: list[Path]) -> Manifest:
        """Writes the remaining records and the pack, and returns the manifest of the group."""
        self._write_days()
        pack = self._write_pack(paths)
        return Manifest(
            segments=tuple(self._segments),
            files=tuple(self._files),
            pack=pack,
            sums=manifests.total(segment.sums for segment in self._segments),
        )


def write(store: Store, paths: list[Path]) -> tuple[str, Manifest]:
    """Archives segments as one group, verifies it, and returns the manifest with its name.

    Raises `ArchiveError` or `SegmentError`; then there is no manifest, and readers ignore the files.
    """
    writer = _GroupWriter(store)
    try:
        for path in paths:
            writer.add(path)
        manifest = writer.finish(paths)
    except OSError as error:
        place = error.filename or "the temporary directory"
        raise SegmentError(f"{place} cannot be read or written: {error.strerror or error}") from error
    if problems := archive_verification.find_problems(store, manifest):
        raise ArchiveError(f"archive {store.url} does not contain what was written: {problems[0]}")
    return manifests.put(store, manifest), manifest
