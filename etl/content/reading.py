"""Reads sealed content segments, which only the Langfuse export does: each is proved by its seal before use.

At most one line is in memory at a time. A segment that cannot be read, or is not as it was sealed, gives
nothing and is told in `problems`; the usage of its requests does not depend on it.
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

_CHUNK: Final = 1_048_576
# A line is written when its request has ended, and stands under the time of its arrival.
_LONGEST_REQUEST: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Captured:
    """What one request asked and was answered, as JSON texts (`null` where there is nothing)."""

    request_id: str
    created_at: datetime
    input: str
    output: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """The content of the requests that arrived from `since` (inclusive) to `until` (exclusive).

    Iterating gives each once, segment by segment in their order; `problems` has one sentence for each segment
    that gave nothing. Iterate again to read again. Raises `SegmentError` when the directory cannot be read.
    """

    directory: Path
    since: datetime
    until: datetime
    problems: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Captured]:
        return (captured for _, _, captured in self.places())

    def places(self) -> Iterator[tuple[Path, int, Captured]]:
        """The same with the segment and the byte at which each stands."""
        for path in list_segments(self.directory, "content"):
            try:
                with path.open("rb") as file:
                    if self._may_hold(path, file):
                        yield from ((path, offset, captured) for offset, captured in self._read(path, file))
            except FileNotFoundError:
                continue  # pruned meanwhile
            except OSError as error:
                self.problems.append(f"{path.name} cannot be read: {error.strerror}")

    def _may_hold(self, path: Path, file: BinaryIO) -> bool:
        name = SegmentName.parse(path.name)
        written_until = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
        began_too_late = name is not None and name.started_at - self.until >= _LONGEST_REQUEST
        return not began_too_late and written_until >= self.since

    def _read(self, path: Path, file: BinaryIO) -> Iterator[tuple[int, Captured]]:
        problem = seal_problem(file)
        if problem:
            self.problems.append(f"{path.name} gives no content: {problem}")
            return
        for offset, data in _lines(file):
            line = _parsed(data)
            if isinstance(line, ContentLine) and self.since <= line.created_at < self.until:
                yield offset, _as_captured(line)


def _parsed(data: bytes) -> object:
    try:
        return parse_content_line(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _as_captured(line: ContentLine) -> Captured:
    return Captured(
        request_id=line.request_id,
        created_at=line.created_at,
        input=bytes(line.input).decode("utf-8", "replace"),
        output=bytes(line.output).decode("utf-8", "replace"),
    )


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines and where they begin, but those that are longer than any Relay writes."""
    offset = file.seek(0)
    while data := file.readline(MAX_CONTENT_LINE_BYTES + 1):
        if len(data) <= MAX_CONTENT_LINE_BYTES:
            yield offset, data
        offset += len(data)
        while not data.endswith(b"\n") and (data := file.readline(_CHUNK)):
            offset += len(data)


def seal_problem(file: BinaryIO) -> str | None:
    """Why a segment is not as it was sealed; None when its seal vouches for every byte. Raises `OSError`."""
    size = file.seek(0, os.SEEK_END)
    last = last_line(file, size)
    seal = _parsed(last)
    if not isinstance(seal, SealLine):
        return "there is no seal line"
    digest, left = hashlib.sha256(), size - len(last)
    file.seek(0)
    while left > 0 and (data := file.read(min(_CHUNK, left))):
        digest.update(data)
        left -= len(data)
    return None if digest.hexdigest() == seal.sha256 else "its bytes are not those that were sealed"


def captured_at(path: Path, offset: int) -> Captured | None:
    """The content that stands at a place that `Contents.places` gave; None when it is gone meanwhile."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            line = _parsed(file.readline(MAX_CONTENT_LINE_BYTES))
    except OSError:
        return None
    return _as_captured(line) if isinstance(line, ContentLine) else None
