"""What an archive has of a period, and how DuckDB is asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from etl.archive.manifest import ArchivedSegment
from etl.database.queries import named
from proxy.segments.lines import SealLine, SegmentName, last_line, parse_line
from relayctl.sources.file_metadata import Fact, Facts
from relayctl.sources.segments import Findings, pattern

# After it no user's name can stand: a name has at most 512 characters.
_LAST: Final = "\U0010ffff" * 513


@dataclass(frozen=True, kw_only=True)
class Share:
    """Names of Parquet files that are read together, and the segments whose rows in them count."""

    files: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """All that an archive has of a period; no segment is in two shares.

    `paths` are where the files are, `times` when their records were; of those named in `whole` every row
    counts, and their sums may be in the volumes of `facts`.
    """

    segments: dict[str, ArchivedSegment] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    paths: dict[str, Path] = field(default_factory=dict)
    times: dict[str, Fact] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    facts: Facts = field(default_factory=lambda: Facts(Path(), None))

    def with_files(self, wanted: Callable[[str], bool]) -> Shelf:
        """With the files of such names only."""
        shares = [
            replace(share, files=[name for name in share.files if wanted(name)]) for share in self.shares
        ]
        return replace(self, shares=[share for share in shares if share.files])

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


def shares_of(shelf: Shelf, places: dict[str, int], users: list[str] | None) -> list[dict[str, Any]]:
    """What each share of the shelf is read with: its files, its segments, and whose records are wanted."""
    chosen = {"first_user": min(users or [""]), "last_user": max(users or [_LAST]), "users": users}
    return [
        {
            "files": [pattern(shelf.paths[name]) for name in share.files],
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
