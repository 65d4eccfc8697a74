"""One segment file: written, sealed, and sealed after its writer died.

A running writer holds an exclusive `flock` on its open segment, taken before the file has its name. The
kernel releases it when the process ends, also by `kill -9`: a process that gets the lock may seal the file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from proxy.segments.content_lines import AnyContentLine, ContentLine, parse_content_line
from proxy.segments.lines import (
    OPEN_SUFFIX,
    IntentLine,
    Line,
    SealLine,
    SegmentName,
    Totals,
    open_line,
    parse_line,
)
from proxy.segments.record import RequestLine, UsageRecord


class SegmentFile:
    """An open segment. A line survives the process after `append_…`, and a power failure after `sync`."""

    def __init__(self, directory: Path, name: SegmentName, fd: int) -> None:
        self.path = directory / f"{name}{OPEN_SUFFIX}"
        self.name = name
        self.size = 0
        self.totals = Totals()
        self._fd = fd

    @classmethod
    def create(cls, directory: Path, name: SegmentName, *, seq: int, previous: str | None) -> Self:
        """Creates `<name>.open`, locked and with its `open` line. Raises `OSError`."""
        hidden = directory / f".{name}.new"
        fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            segment = cls(directory, name, fd)
            segment._write(open_line(name, seq=seq, previous=previous))
            hidden.rename(segment.path)
        except BaseException:
            os.close(fd)
            hidden.unlink(missing_ok=True)
            raise
        return segment

    @property
    def is_deleted(self) -> bool:
        """Whether the file has been deleted, so that its lines are lost."""
        return os.fstat(self._fd).st_nlink == 0

    def append_intent(self, line: bytes) -> None:
        """Writes an intent line. Raises `OSError`; then no part of the line is in the file."""
        self._write(line)
        self.totals.intents += 1

    def append_record(self, line: bytes, record: UsageRecord) -> None:
        """Writes a record's line. Raises `OSError`; then no part of the line is in the file."""
        self._write(line)
        self.totals.count(record)

    def append_content(self, line: bytes) -> None:
        """Writes a line of content. Raises `OSError`; then no part of the line is in the file."""
        self._write(line)
        self.totals.records += 1

    def sync(self) -> None:
        """Syncs every line written so far to disk. May be called from another thread."""
        os.fsync(self._fd)

    def finish(self, *, seq: int, sealed_at: datetime) -> str:
        """Writes the seal line and returns the SHA-256 of the whole file. Raises `OSError`."""
        line = self.totals.seal_line(seq=seq, recovered=False, sealed_at=sealed_at)
        self._write(line)
        return self.totals.sha256.hexdigest()  # now of the seal too

    def publish(self) -> Path:
        """Syncs the finished segment and renames it to its sealed name. Raises `OSError`."""
        try:
            os.fsync(self._fd)
            _publish(self.path)
        finally:
            os.close(self._fd)
        return _sealed(self.path)

    def seal(self, *, seq: int, sealed_at: datetime) -> str:
        """Finishes and publishes the segment; returns its SHA-256. Raises `OSError`."""
        sha256 = self.finish(seq=seq, sealed_at=sealed_at)
        self.publish()
        return sha256

    def abandon(self) -> None:
        """Closes the file without sealing it; the next start will. For tests and failed disks."""
        os.close(self._fd)

    def _write(self, data: bytes) -> None:
        size = len(data)
        try:
            written = os.write(self._fd, data)
            while written < size:
                written += os.write(self._fd, data[written:])
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size += size
        self.totals.sha256.update(data)


def _publish(path: Path) -> None:
    """Renames an open segment to its sealed name, durably."""
    path.rename(_sealed(path))
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def seal_leftovers(directory: Path) -> list[Path]:
    """Seals every open segment whose writer has died, and returns the sealed paths.

    An incomplete last line is removed: it was never acknowledged.
    Raises `OSError` when the directory or a file cannot be read or written.
    """
    leftovers = [path for path in directory.glob(f"*{OPEN_SUFFIX}") if SegmentName.parse(path.name)]
    return [_sealed(path) for path in sorted(leftovers) if _seal_if_dead(path)]


def _sealed(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(OPEN_SUFFIX))


def _seal_if_dead(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or path.stat().st_ino != os.fstat(fd).st_ino:
            return False
        _recover(fd, parse_content_line if path.name.startswith("content-") else parse_line)
        os.fsync(fd)
        _publish(path)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def _recover(fd: int, parse: Callable[[bytes], Line | AnyContentLine]) -> None:
    """Counts the complete lines and appends the seal, unless the writer had already done so."""
    totals, seq, size = Totals(), 0, 0
    with open(fd, "rb", closefd=False) as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            seq += 1
            try:
                parsed = parse(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                parsed = None
            if isinstance(parsed, SealLine):
                return
            if isinstance(parsed, RequestLine):
                totals.count(parsed)
            totals.records += isinstance(parsed, ContentLine)
            totals.intents += isinstance(parsed, IntentLine)
            seq = parsed.seq if parsed else seq
            totals.hash(line)
            size += len(line)
    os.ftruncate(fd, size)
    os.lseek(fd, 0, os.SEEK_END)
    os.write(fd, totals.seal_line(seq=seq + 1, recovered=True, sealed_at=datetime.now(UTC)))
