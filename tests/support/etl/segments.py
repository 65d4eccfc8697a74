"""Records and sealed segments for the tests of the ETL; any line of a segment can be invalid."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from proxy.segments.lines import SegmentName, Totals, intent_line, open_line
from proxy.segments.record import UsageRecord, to_line

EPOCH = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def record(number: int, **changes: Any) -> UsageRecord:
    """The record of one request; different numbers differ in identity, time, user and usage."""
    prompt, completion = 10 + number, 5 * number
    plain = UsageRecord(
        request_id=f"req_{number:026d}",
        created_at=EPOCH + timedelta(minutes=7 * number, microseconds=number),
        user_id=f"user-{number % 7}",
        team_id=f"team-{number % 3}",
        key_id="key-1",
        model="gpt-5" if number % 2 else "claude-opus",
        provider="openai",
        endpoint="/v1/chat/completions",
        status=200 if number % 5 else 502,
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cost_usd=Decimal(number) / 1000 if number % 4 else None,
        latency_ms=Decimal(number) + Decimal("0.125"),
    )
    return msgspec.structs.replace(plain, **changes)


@dataclass(frozen=True, kw_only=True)
class Intent:
    """The intent line of the request of `record`."""

    record: UsageRecord


Item = UsageRecord | Intent | bytes
"""Bytes are written unchanged and count as one line."""


class SegmentWriter:
    """Writes sealed segments like a proxy process: numbered, chained, with continuous line numbers."""

    def __init__(self, directory: Path, writer: str = "w1") -> None:
        self.directory = directory
        self.writer = writer
        self.number = 0
        self.seq = 0
        self.previous: str | None = None

    def skip(self, *, segments: int = 0, lines: int = 0) -> None:
        """Continues as if segments or lines had been written and lost."""
        self.number += segments
        self.seq += lines

    def segment(self, *items: Item, recovered: bool = False, sealed: bool = True) -> Path:
        """Writes the next segment and returns its path."""
        self.number += 1
        name = SegmentName(started_at=EPOCH, writer=self.writer, number=self.number)
        totals = Totals()
        lines = [open_line(name, seq=self._next(), previous=self.previous)]
        lines += [self._line(item, totals) for item in items]
        for line in lines:
            totals.hash(line)
        if sealed:
            lines.append(totals.seal_line(seq=self._next(), recovered=recovered, sealed_at=EPOCH))
        data = b"".join(lines)
        self.previous = hashlib.sha256(data).hexdigest()
        path = self.directory / str(name)
        path.write_bytes(data)
        return path

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _line(self, item: Item, totals: Totals) -> bytes:
        if isinstance(item, bytes):
            self.seq += 1
            return item
        if isinstance(item, Intent):
            totals.intents += 1
            one = item.record
            return intent_line(
                seq=self._next(),
                request_id=one.request_id,
                created_at=one.created_at,
                user_id=one.user_id,
                team_id=one.team_id,
                model=one.model,
                endpoint=one.endpoint,
            )
        totals.count(item)
        return to_line(item, self._next())


def records(count: int, *, start: int = 1) -> list[UsageRecord]:
    """Different records, numbered from `start`."""
    return [record(number) for number in range(start, start + count)]
