"""What is known about a source file: its fingerprint, and the times of its records."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Fingerprint = tuple[int, ...]
"""Size, inode, device, and times of modification and change; it differs for a changed or replaced file."""


def fingerprint(path: Path) -> Fingerprint | None:
    """The fingerprint of a file; None if it does not exist any more."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_ino, found.st_dev, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """A file of records that never changes; `records` is about how many it holds."""

    name: str
    path: Path
    records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeRange:
    """From the time of a first to that of a last record, both included."""

    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMetadata:
    """What was found out about a source file.

    `is_verified` says that the file is as it was written (by its seal or its hash) and that DuckDB reads its
    records exactly as the ETL does. `times` is None for a file without records, and for one that is not
    verified. `cache_id` is its number in the rollup cache, None where the cache has no sums of it.
    """

    fingerprint: Fingerprint
    is_verified: bool
    times: TimeRange | None = None
    cache_id: int | None = None
    has_duplicates: bool = False

    @property
    def has_rollups(self) -> bool:
        """Whether the cache has its sums, and no record of it is in another file of the cache."""
        return self.cache_id is not None and self.is_verified and not self.has_duplicates

    def may_contain(self, since: datetime, until: datetime) -> bool:
        """Whether it can have records in this period; unknown, so true, for a file that is not verified."""
        if not self.is_verified:
            return True
        return self.times is not None and self.times.first < until and since <= self.times.last


class TimeRanges:
    """A set of times, made of the ranges of several files."""

    def __init__(self, ranges: Iterable[TimeRange | None]) -> None:
        merged: list[TimeRange] = []
        given = (one for one in ranges if one is not None)
        for one in sorted(given, key=lambda one: (one.first, one.last)):
            if merged and one.first <= merged[-1].last:
                merged[-1] = TimeRange(first=merged[-1].first, last=max(one.last, merged[-1].last))
            else:
                merged.append(one)
        self._merged: Sequence[TimeRange] = merged

    def overlaps(self, times: TimeRange | None) -> bool:
        """Whether a time of this range is in the set."""
        if times is None:
            return False
        at = bisect_left(self._merged, times.first, key=lambda one: one.last)
        return at < len(self._merged) and self._merged[at].first <= times.last
