"""Removes sealed content segments older than the retention period; usage segments are never touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from etl.errors import SegmentError
from etl.segments.reader import list_segments


@dataclass(frozen=True, kw_only=True, slots=True)
class OldContent:
    """The content segments sealed before a time: their number, size, and first and last time of sealing."""

    segments: int
    bytes: int
    since: datetime | None
    until: datetime | None


def prune_content(directory: Path, before: datetime, *, dry_run: bool) -> OldContent:
    """Removes the content segments of a log directory that were sealed before a time.

    With `dry_run` nothing is removed, and the result says what would be. Raises `SegmentError`.
    """
    found = [(path, *_sealed(path)) for path in list_segments(directory, "content")]
    old = [(path, sealed_at, size) for path, sealed_at, size in found if sealed_at < before]
    for path, _, _ in [] if dry_run else old:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SegmentError(f"content segment {path} cannot be removed: {error.strerror}") from error
    return OldContent(
        segments=len(old),
        bytes=sum(size for _, _, size in old),
        since=min((sealed_at for _, sealed_at, _ in old), default=None),
        until=max((sealed_at for _, sealed_at, _ in old), default=None),
    )


def _sealed(path: Path) -> tuple[datetime, int]:
    """When a segment was last written, and its size in bytes."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        # Removed by another process since it was listed.
        return datetime.max.replace(tzinfo=UTC), 0
    return datetime.fromtimestamp(stat.st_mtime, UTC), stat.st_size
