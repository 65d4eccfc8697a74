"""Finds the sealed segments of a directory, checks their seals, and copies altered ones cleanly."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from etl.records.columns import COLUMNS, Kind
from proxy.segments.lines import IntentLine, SealLine, SegmentName, last_line, parse_line, sealed_segments
from proxy.segments.record import (
    MAX_LINE_BYTES,
    RequestLine,
    as_milliseconds,
    as_money,
    encode_line,
    money_text,
    time_text,
)
from relayctl.errors import SourceError
from relayctl.sources.file_metadata import TimeRange

if TYPE_CHECKING:
    from etl.segments.rejects import Reject

_SHOWN: Final = 3
_CHUNK: Final = MAX_LINE_BYTES // 2
_NUL: Final = rb"\u0000"


@dataclass
class Findings:
    """What was wrong in a directory: collected while reading, then reported as notes."""

    absent: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    rejected: int = 0
    first_rejects: list[str] = field(default_factory=list)

    def reject(self, line: Reject) -> None:
        """Counts a line that the ETL would not load."""
        self.rejected += 1
        if len(self.first_rejects) < _SHOWN:
            self.first_rejects.append(f"{line.segment} line {line.line_number}: {line.reason}")

    def sentences(self) -> tuple[str, ...]:
        """One sentence per kind of finding; empty if all segments are valid."""
        kinds = (
            (self.absent, len(self.absent), "log directory", "not read because it does not exist"),
            (self.empty, len(self.empty), "location", "with no sealed segment in it"),
            (self.foreign, len(self.foreign), "file", "passed over as no segment"),
            (self.unreadable, len(self.unreadable), "segment", "not counted as unreadable"),
            (self.altered, len(self.altered), "segment", "counted as found, not as sealed"),
            (self.first_rejects, self.rejected, "line", "not counted as a record"),
        )
        return tuple(
            f"{count} {thing}{'' if count == 1 else 's'} {what}: {_listed(names, count)}"
            for names, count, thing, what in kinds
            if count
        )


def _listed(names: list[str], count: int) -> str:
    shown = names[:_SHOWN]
    return "; ".join(shown) + (f"; and {count - len(shown)} more" if count > len(shown) else "")


def glob_escaped(path: Path) -> str:
    """The path as a glob pattern that matches only itself, because DuckDB expands patterns."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def found(directory: Path, findings: Findings) -> list[Path]:
    """The sealed usage segments in order. Raises `SourceError` when the directory cannot be listed."""
    try:
        names = sorted(path.name for path in directory.iterdir())
    except FileNotFoundError:
        raise SourceError(
            f"log directory {directory} does not exist: give one with --logs or RELAY_LOG_DIR, "
            "or a database with --database-url"
        ) from None
    except OSError as error:
        raise SourceError(f"log directory {directory} cannot be read: {error.strerror}") from error
    paths = sealed_segments(directory)
    known = {path.name for path in paths}
    findings.foreign += [name for name in names if name.endswith(".jsonl") and _is_foreign(name, known)]
    return paths


def _is_foreign(name: str, known: set[str]) -> bool:
    """Whether it is neither one of these segments nor a content segment."""
    return name not in known and not (name.startswith("content-") and SegmentName.parse(name))


def verified_seal(path: Path) -> SealLine | None:
    """The seal of a segment if it covers every line before it; None otherwise. Raises `OSError`.

    Its hash must be that of the bytes, its counts those of the lines. The ETL also rejects lines that are too
    long or have a NUL in a text, which a seal does not exclude: the result is None for these, too.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        last = last_line(file, size)
        try:
            seal = parse_line(last)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return seal if isinstance(seal, SealLine) and _agrees(file, size - len(last), seal) else None


def _agrees(file: BinaryIO, length: int, seal: SealLine) -> bool:
    file.seek(0)
    digest, lines, tail = hashlib.sha256(), 0, b""
    while length > 0 and (data := file.read(min(_CHUNK, length))):
        digest.update(data)
        found = data.count(b"\n")
        # A line that is too long fills a whole chunk. Searching for a single byte first is much faster.
        if not found or ((b"\\" in data or b"\\" in tail) and _NUL in tail + data):
            return False
        lines += found
        length -= len(data)
        tail = data[-len(_NUL) :]
    # The open line is neither a record nor an intent.
    return lines == seal.records + seal.intents + 1 and digest.hexdigest() == seal.sha256


def write_clean_copy(path: Path, copy: Path, findings: Findings) -> TimeRange | None:
    """Writes the stored fields of each line that the ETL would load, in a form that DuckDB reads exactly.

    Returns the times of the first and the last record; adds the other lines and a seal that does not fit to
    `findings`. Raises `OSError`.
    """
    # The ETL's parser needs PostgreSQL's driver, which takes longer to import than most reports.
    from etl.segments.reader import SegmentReader  # noqa: PLC0415 - see above

    reading, times = SegmentReader(path), set[datetime]()
    with copy.open("wb") as clean:
        for item in reading:
            if isinstance(item, RequestLine):
                clean.write(encode_line(_stored_fields(item)))
                times = (
                    {min(item.created_at, *times), max(item.created_at, *times)}
                    if times
                    else {item.created_at}
                )
            elif not isinstance(item, IntentLine):
                findings.reject(item)
    if problem := reading.integrity.problem():
        findings.altered.append(f"{path.name}: {problem}")
    return TimeRange(first=min(times), last=max(times)) if times else None


def _stored_fields(record: RequestLine) -> dict[str, object]:
    fields = {"event": "request", "seq": record.seq}
    return fields | {one.field: _as_text(one.kind, getattr(record, one.field)) for one in COLUMNS}


def _as_text(kind: Kind, value: Any) -> object:
    """Times, money and durations as texts: a JSON number would pass through a double."""
    if value is None:
        return None
    if kind == "time":
        return time_text(value)
    if kind == "money":
        return money_text(as_money(value))
    return str(as_milliseconds(value)) if kind == "milliseconds" else value
