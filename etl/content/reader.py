"""Reads sealed content segments, for the Langfuse export only; each is checked against its seal before use.

At most one line is in memory at a time. A segment that is unreadable or was changed after sealing is skipped
and reported in `problems`; the usage of its requests does not depend on it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from etl.segments.reader import list_segments
from proxy.segments.content_lines import MAX_CONTENT_LINE_BYTES, ContentLine, parse_content_line
from proxy.segments.lines import SealLine, SegmentName, last_line

_CHUNK_BYTES: Final = 1_048_576
# A line is written when its request has ended, but `created_at` is the arrival of the request.
_MAX_REQUEST_DURATION: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class CapturedContent:
    """Request and response body of one request, as JSON texts (`null` where nothing was captured)."""

    request_id: str
    created_at: datetime
    input: str
    output: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentReader:
    """Reads the content of requests that arrived from `since` (inclusive) to `until` (exclusive).

    Iterating yields them in the order of the segments, and may be repeated; `problems` gets one sentence for
    each skipped segment. Raises `SegmentError` when the directory cannot be read.
    """

    directory: Path
    since: datetime
    until: datetime
    problems: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[CapturedContent]:
        return (content for _, _, content in self.with_positions())

    def with_positions(self) -> Iterator[tuple[Path, int, CapturedContent]]:
        """Yields the same with the segment and the byte offset of each line."""
        for path in list_segments(self.directory, "content"):
            try:
                with path.open("rb") as file:
                    if self._may_contain_period(path, file):
                        yield from ((path, offset, content) for offset, content in self._read(path, file))
            except FileNotFoundError:
                continue  # pruned since it was listed
            except OSError as error:
                self.problems.append(f"{path.name} cannot be read: {error.strerror}")

    def _may_contain_period(self, path: Path, file: BinaryIO) -> bool:
        name = SegmentName.parse(path.name)
        written_until = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
        started_too_late = name is not None and name.started_at - self.until >= _MAX_REQUEST_DURATION
        return not started_too_late and written_until >= self.since

    def _read(self, path: Path, file: BinaryIO) -> Iterator[tuple[int, CapturedContent]]:
        problem = seal_problem(file)
        if problem:
            self.problems.append(f"the content of {path.name} is not used: {problem}")
            return
        for offset, data in _lines(file):
            line = _parse(data)
            if isinstance(line, ContentLine) and self.since <= line.created_at < self.until:
                yield offset, _to_captured(line)


def _parse(data: bytes) -> object:
    try:
        return parse_content_line(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _to_captured(line: ContentLine) -> CapturedContent:
    return CapturedContent(
        request_id=line.request_id,
        created_at=line.created_at,
        input=bytes(line.input).decode("utf-8", "replace"),
        output=bytes(line.output).decode("utf-8", "replace"),
    )


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yields the lines with their byte offsets; skips lines longer than Relay writes."""
    offset = file.seek(0)
    while data := file.readline(MAX_CONTENT_LINE_BYTES + 1):
        if len(data) <= MAX_CONTENT_LINE_BYTES:
            yield offset, data
        offset += len(data)
        while not data.endswith(b"\n") and (data := file.readline(_CHUNK_BYTES)):
            offset += len(data)


def seal_problem(file: BinaryIO) -> str | None:
    """How a segment contradicts its seal; None when its bytes match the seal. Raises `OSError`."""
    size = file.seek(0, os.SEEK_END)
    last = last_line(file, size)
    seal = _parse(last)
    if not isinstance(seal, SealLine):
        return "there is no seal line"
    digest, remaining = hashlib.sha256(), size - len(last)
    file.seek(0)
    while remaining > 0 and (data := file.read(min(_CHUNK_BYTES, remaining))):
        digest.update(data)
        remaining -= len(data)
    return None if digest.hexdigest() == seal.sha256 else "it was changed after it was sealed"


def read_at(path: Path, offset: int) -> CapturedContent | None:
    """Reads the content at a position from `ContentReader.with_positions`; None when it was removed since."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            line = _parse(file.readline(MAX_CONTENT_LINE_BYTES))
    except OSError:
        return None
    return _to_captured(line) if isinstance(line, ContentLine) else None
