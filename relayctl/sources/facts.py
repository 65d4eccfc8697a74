"""What is known of sealed segments: whether DuckDB reads them exactly, and the time of their records.

A sealed segment never changes, so what was once found out is kept, outside the log directory, and a later
report opens only what it needs. What is kept holds for a file of this name, size, inode and times only.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

_SCHEMA: Final = "relay.segment-facts/v1"


class Fact(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """`mark` tells the very file; `first` and `last` are the times of its records (UTC, None: it has none).

    `is_exact` says that its seal vouches for it and DuckDB reads each of its records as the ETL does.
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


class _Kept(msgspec.Struct, kw_only=True):
    schema: str
    directory: str
    segments: dict[str, Fact]


def mark(path: Path) -> tuple[int, ...]:
    """What changes when somebody changes or replaces the file. Raises `OSError`."""
    found = path.stat()
    return (found.st_size, found.st_ino, found.st_dev, found.st_mtime_ns, found.st_ctime_ns)


def cache_directory() -> Path:
    """Where programs of this user keep what they can find out again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "relay"


class Facts:
    """The facts about one log directory, kept in `cache` (None: nowhere)."""

    def __init__(self, directory: Path, cache: Path | None) -> None:
        self._directory = str(directory.absolute())
        name = hashlib.sha256(os.fsencode(self._directory)).hexdigest()[:32]
        self._file = cache / f"segments-{name}.json" if cache else None
        self._known = self._read()

    def _read(self) -> dict[str, Fact]:
        # Whatever is wrong with it: it can be found out again.
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept) if self._file else None
            if kept and (kept.schema, kept.directory) == (_SCHEMA, self._directory):
                return kept.segments
        return {}

    def of(self, path: Path) -> Fact | None:
        """What is known of this very file; None when it is new or was changed."""
        known = self._known.get(path.name)
        with suppress(OSError):
            return known if known and known.mark == mark(path) else None
        return None

    def keep(self, facts: Mapping[str, Fact]) -> None:
        """Keeps these and forgets all others. Where nothing can be written, nothing is kept."""
        if self._file is None or facts == self._known:
            return
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = _Kept(schema=_SCHEMA, directory=self._directory, segments=dict(facts))
            with tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False) as file:
                file.write(msgspec.json.encode(kept))
            Path(file.name).replace(self._file)
