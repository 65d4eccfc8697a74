"""What is known of files that never change, sealed segments and an archive's Parquet: times and sums.

What was once found out is kept, outside the directory that it is about, and a later report opens only what it
needs. What is kept holds for files of this name, size, inode and times only.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

_SCHEMA: Final = "relay.facts/v2"
_UNUSED_SECONDS: Final = 3600
"""How long sums that another report may still be reading stay after newer ones took their place."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """`mark` tells the very file; `first` and `last` are the times of its records (UTC, None: it has none).

    `is_exact` says that its seal or hash vouches for it and DuckDB reads each of its records as the ETL does.
    """

    mark: tuple[int, ...]
    is_exact: bool
    first: datetime | None = None
    last: datetime | None = None

    def may_hold(self, since: datetime, until: datetime) -> bool:
        """Whether a record of this period can be in it; of a segment that is not exact nobody knows."""
        if not self.is_exact:
            return True
        return self.first is not None and self.last is not None and self.first < until and since <= self.last


class Volume(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The sums of `pieces`, files that belong to one day; no record of theirs is in any other known piece.

    `stem` names the files that hold them, by hour and by day, beside sums of other days; `sizes` are those of
    the files in bytes. Without a stem there are no sums: some record of the pieces is there twice.
    """

    pieces: tuple[str, ...]
    stem: str | None = None
    sizes: tuple[int, ...] = ()


class _Kept(msgspec.Struct, kw_only=True):
    schema: str
    place: str
    pieces: dict[str, Fact]
    volumes: dict[str, Volume]


def mark(path: Path) -> tuple[int, ...]:
    """What changes when somebody changes or replaces the file. Raises `OSError`."""
    found = path.stat()
    return (found.st_size, found.st_ino, found.st_dev, found.st_mtime_ns, found.st_ctime_ns)


def mark_or_none(path: Path) -> tuple[int, ...] | None:
    """None for a file that is not there any more."""
    try:
        return mark(path)
    except OSError:
        return None


def cache_directory() -> Path:
    """Where programs of this user keep what they can find out again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "relay"


class Facts:
    """The facts about one log directory or archive, kept in a folder of `cache` (None: nowhere).

    `pieces` are known by their names, `volumes` by their days; a piece that is exact is in a volume.
    """

    def __init__(self, place: Path, cache: Path | None) -> None:
        self._place = str(place.absolute())
        name = hashlib.sha256(os.fsencode(self._place)).hexdigest()[:32]
        self.folder = _made(cache / f"facts-{name}") if cache else None
        kept = self._read()
        self.pieces: dict[str, Fact] = kept.pieces
        self.volumes: dict[str, Volume] = kept.volumes
        self._kept = self._told()

    def _read(self) -> _Kept:
        # Whatever is wrong with it: it can be found out again.
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            if self.folder:
                kept = msgspec.json.decode((self.folder / "facts.json").read_bytes(), type=_Kept)
                if (kept.schema, kept.place) == (_SCHEMA, self._place):
                    return kept
        return _Kept(schema=_SCHEMA, place=self._place, pieces={}, volumes={})

    def _told(self) -> _Kept:
        return _Kept(schema=_SCHEMA, place=self._place, pieces={**self.pieces}, volumes={**self.volumes})

    def files(self, stem: str) -> tuple[Path, Path]:
        """The sums by hour and by day."""
        assert self.folder
        return self.folder / f"{stem}.hours.parquet", self.folder / f"{stem}.days.parquet"

    def sizes(self, stem: str) -> tuple[int, ...]:
        """Those of its files; nothing where one is missing."""
        with suppress(OSError):
            return tuple(file.stat().st_size for file in self.files(stem))
        return ()

    def settle(self, present: Mapping[str, Path], days: Collection[str] | None = None) -> None:
        """Forgets what is not as it was, given all files of these days (None: of all days).

        A volume stands or falls as a whole, and its pieces with it.
        """
        sizes = {stem: self.sizes(stem) for stem in self.stems()}
        valid = {
            name
            for name, fact in self.pieces.items()
            if name in present and fact.mark == mark_or_none(present[name])
        }
        self.volumes = {
            day: volume
            for day, volume in self.volumes.items()
            if (days is not None and day not in days)
            or (
                valid.issuperset(volume.pieces)
                and (volume.stem is None or volume.sizes == sizes[volume.stem])
            )
        }
        held = {name for volume in self.volumes.values() for name in volume.pieces}
        self.pieces = {
            name: fact
            for name, fact in self.pieces.items()
            if name in held or (name in valid and not fact.is_exact)
        }

    def stems(self) -> list[str]:
        """The files that hold sums, by name."""
        return sorted({volume.stem for volume in self.volumes.values() if volume.stem})

    def discard(self, stem: str) -> None:
        """Removes files with sums that nobody else can know of yet."""
        if all(volume.stem != stem for volume in self._kept.volumes.values()):
            for file in self.files(stem):
                file.unlink(missing_ok=True)

    def keep(self) -> None:
        """Keeps what is known now. Where nothing can be written, nothing is kept."""
        told = self._told()
        if self.folder is None or told == self._kept:
            return
        with suppress(OSError):
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as file:
                file.write(msgspec.json.encode(told))
            Path(file.name).replace(self.folder / "facts.json")
            self._clean(self.folder)

    def _clean(self, folder: Path) -> None:
        used = {file for stem in self.stems() for file in self.files(stem)}
        for file in folder.glob("*.parquet"):
            if file not in used and file.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                file.unlink(missing_ok=True)


def _made(folder: Path) -> Path | None:
    """The folder, or None where it cannot be made and written in."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
