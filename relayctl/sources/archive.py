"""What a report reads from an archive: only files that are as they were written, and each segment once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from etl import archive_manifest
from etl.archive_manifest import ArchivedSegment, DayFile, Manifest
from etl.archive_store import Store
from etl.queries import named
from proxy.segment import SealLine, SegmentName, last_line, parse_line
from relayctl.errors import SourceError
from relayctl.period import Period
from relayctl.sources.segments import Findings, pattern

# After it no user's name can stand: a name has at most 512 characters.
_LAST: Final = "\U0010ffff" * 513


@dataclass(frozen=True, kw_only=True)
class Share:
    """Parquet files that are read together, and the segments whose rows in them count."""

    files: list[Path] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """All that an archive has of a period; no segment is in two shares."""

    segments: dict[str, ArchivedSegment] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)

    def without(self, paths: list[Path], findings: Findings) -> list[Path]:
        """The local segments that are not on the shelf; tells `findings` of those that differ from it."""
        for path in paths:
            archived = self.segments.get(path.name)
            if archived and not _is_same(path, archived):
                findings.altered.append(f"{path.name}: it is not the one in the archive, which counts")
        return [path for path in paths if path.name not in self.segments]

    def places(self, paths: list[Path]) -> dict[str, int]:
        """The place of each segment, of these and of the shelf, in the order in which they are loaded."""
        named = [(SegmentName.parse(name), name) for name in {*self.segments, *(path.name for path in paths)}]
        ordered = sorted((parsed, name) for parsed, name in named if parsed)
        return {name: place for place, (_, name) in enumerate(ordered)}


def _is_same(path: Path, archived: ArchivedSegment) -> bool:
    """Whether size and seal are those of the archived segment; one that has gone since is no other."""
    try:
        with path.open("rb") as file:
            size, seal = path.stat().st_size, parse_line(last_line(file, path.stat().st_size))
    except OSError:
        return True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return archived.seal is None and size == archived.bytes
    return size == archived.bytes and isinstance(seal, SealLine) and seal.sha256 == archived.seal


def _checked(store: Store, file: DayFile, scratch: Path) -> Path:
    """The file, local and proved to be the one that was written. Raises `SourceError` when it is not."""
    path = store.local(file.name, scratch)
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
    return path


def _needed(manifest: Manifest, since: datetime, until: datetime) -> Iterator[DayFile]:
    for file in manifest.files:
        if file.sums.first and file.sums.last and file.sums.first < until and since <= file.sums.last:
            yield file


def _tell(segment: ArchivedSegment, findings: Findings) -> None:
    if segment.rejected:
        findings.rejected += segment.rejected
        findings.first_rejects.append(f"{segment.name}: see the segment in the archive")
    if segment.problem:
        findings.altered.append(f"{segment.name}: {segment.problem}")


def opened(store: Store, period: Period, scratch: Path, findings: Findings) -> Shelf:
    """What the archive has of the period; files that are not local are copied to `scratch`.

    Raises `SourceError` or `EtlError` when a manifest or a file is missing, unreadable or was changed.
    """
    known: dict[str, ArchivedSegment] = {}
    whole, shares = Share(), []
    with ThreadPoolExecutor() as pool:
        for _, manifest in archive_manifest.read_all(store, since=period.since, until=period.until):
            fresh = [segment for segment in manifest.segments if segment.name not in known]
            for segment in fresh:
                known[segment.name] = segment
                _tell(segment, findings)
            needed = list(_needed(manifest, period.since, period.until)) if fresh else []
            files = list(pool.map(lambda file: _checked(store, file, scratch), needed))
            # Two archivers at once may have put one segment into two groups: then only these rows count.
            share = whole if len(fresh) == len(manifest.segments) else Share()
            share.files.extend(files)
            share.segments.extend(segment.name for segment in fresh)
            shares.append(share)
    return Shelf(segments=known, shares=[share for share in _unlike(shares) if share.files])


def _unlike(shares: list[Share]) -> list[Share]:
    return list({id(share): share for share in shares}.values())


def shares_of(shelf: Shelf, places: dict[str, int], users: list[str] | None) -> list[dict[str, Any]]:
    """What each share of the shelf is read with: its files, its segments, and whose records are wanted."""
    chosen = {"first_user": min(users or [""]), "last_user": max(users or [_LAST]), "users": users}
    return [
        {
            "files": [pattern(path) for path in share.files],
            "segments": share.segments,
            "places": [places[name] for name in share.segments],
        }
        | chosen
        for share in shelf.shares
    ]


def load_twins(
    connection: duckdb.DuckDBPyConnection, shelf: Shelf, places: dict[str, int], users: list[str]
) -> None:
    """Loads what may have the identity of a wanted record that is loaded already."""
    connection.execute(named("report_archive_wanted"), {"users": users})
    for share in shares_of(shelf, places, None):
        asked = {name: share[name] for name in ("files", "segments", "places")}
        connection.execute(named("report_archive_twins"), asked | {"users": users})
