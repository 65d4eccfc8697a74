"""Which files of a log directory a report may count, and the strict reading of those nobody vouches for."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

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

if TYPE_CHECKING:
    from etl.segments.rejects import Reject

_SHOWN: Final = 3
_CHUNK: Final = MAX_LINE_BYTES // 2
_NUL: Final = rb"\u0000"
_PLAIN: Final = (
    *("key_id", "upstream_model", "provider", "endpoint", "stream"),
    *("cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "price_source", "limit_type"),
)


@dataclass
class Findings:
    """What was wrong in a directory: kept while reading, told as sentences at the end."""

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
        """One sentence per kind of finding; empty when the directory holds sound segments only."""
        told = (
            (self.absent, len(self.absent), "log directory", "not read because it does not exist"),
            (self.empty, len(self.empty), "place", "with no sealed segment in it"),
            (self.foreign, len(self.foreign), "file", "passed over as no segment"),
            (self.unreadable, len(self.unreadable), "segment", "not counted as unreadable"),
            (self.altered, len(self.altered), "segment", "counted as found, not as sealed"),
            (self.first_rejects, self.rejected, "line", "not counted as a record"),
        )
        return tuple(
            f"{count} {thing}{'' if count == 1 else 's'} {what}: {_listed(names, count)}"
            for names, count, thing, what in told
            if count
        )


def _listed(names: list[str], count: int) -> str:
    shown = names[:_SHOWN]
    return "; ".join(shown) + (f"; and {count - len(shown)} more" if count > len(shown) else "")


def pattern(path: Path) -> str:
    """The path as a pattern that fits only itself: DuckDB expands what looks like one."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def found(directory: Path, findings: Findings) -> list[Path]:
    """The sealed usage segments in their order. Raises `SourceError` when the directory cannot be listed."""
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
    """Whether it is neither one of these segments nor one of captured content."""
    return name not in known and not (name.startswith("content-") and SegmentName.parse(name))


def honest_seal(path: Path) -> SealLine | None:
    """The seal, where it speaks for every line before it, as lines that the ETL would load. Raises `OSError`.

    Its hash must be that of the bytes and its counts those of the lines; and what a seal does not look at
    must not be there: a NUL in a text, a line that is too long.
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
        # A line that is too long would fill a whole chunk. Looking for one byte first is much faster.
        if not found or ((b"\\" in data or b"\\" in tail) and _NUL in tail + data):
            return False
        lines += found
        length -= len(data)
        tail = data[-len(_NUL) :]
    # Beside records and intents there is the open line.
    return lines == seal.records + seal.intents + 1 and digest.hexdigest() == seal.sha256


def write_clean_copy(path: Path, copy: Path, findings: Findings) -> tuple[datetime, datetime] | None:
    """Writes what is stored of each line that the ETL would load, in a form nobody can read wrongly.

    Gives the times of the first and the last record, and tells `findings` of the other lines and of a seal
    that does not fit. Raises `OSError`.
    """
    # The ETL's own reading needs PostgreSQL's driver, which takes longer to import than most reports.
    from etl.segments.reader import SegmentReader  # noqa: PLC0415 - see above

    reading, times = SegmentReader(path), set[datetime]()
    with copy.open("wb") as clean:
        for item in reading:
            if isinstance(item, RequestLine):
                clean.write(encode_line(_plain(item)))
                times = (
                    {min(item.created_at, *times), max(item.created_at, *times)}
                    if times
                    else {item.created_at}
                )
            elif not isinstance(item, IntentLine):
                findings.reject(item)
    if problem := reading.integrity.problem():
        findings.altered.append(f"{path.name}: {problem}")
    return (min(times), max(times)) if times else None


def _plain(record: RequestLine) -> dict[str, object]:
    return {
        "event": "request",
        "seq": record.seq,
        "request_id": record.request_id,
        "created_at": time_text(record.created_at),
        "user_id": record.user_id,
        "team_id": record.team_id,
        "model": record.model,
        "status": record.status,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "total_tokens": record.total_tokens,
        "usage_source": record.usage_source,
        "cost_usd": None if record.cost_usd is None else money_text(as_money(record.cost_usd)),
        # As text: a JSON number would pass through a double.
        "latency_ms": str(as_milliseconds(record.latency_ms)),
        "ttft_ms": None if record.ttft_ms is None else str(as_milliseconds(record.ttft_ms)),
        "cache_hit": record.cache_hit,
        "error": record.error,
        **{name: getattr(record, name) for name in _PLAIN},
    }
