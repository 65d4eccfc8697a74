"""Segments, the files that records travel in: their names, their four kinds of line, their seal.

A segment is written by one process under a name that ends in `.jsonl.open` and is sealed by a last line,
fsync and an atomic rename to `.jsonl`. Nothing here ever changes a sealed segment.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Self

import msgspec

from proxy.segments.record import VERSION, RequestLine, UsageRecord, encode_line, exact, money_text, time_text

OPEN_SUFFIX: Final = ".open"
_NAME = re.compile(
    r"(?P<kind>usage|content)-(?P<started>\d{8}T\d{6}Z)-(?P<writer>[A-Za-z0-9_.-]+)-(?P<number>\d{6,})\.jsonl"
)
_LONGEST_SEAL: Final = 8192
_STAMP: Final = "%Y%m%dT%H%M%SZ"

Sequence = Annotated[int, msgspec.Meta(ge=1)]


class SegmentName(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What a segment's file name tells: kind, start (UTC, whole seconds), writer and number (from 1)."""

    kind: str = "usage"
    started_at: datetime
    writer: str
    number: int

    def __str__(self) -> str:
        started = self.started_at.astimezone(UTC).strftime(_STAMP)
        return f"{self.kind}-{started}-{self.writer}-{self.number:06d}.jsonl"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Reads a file name, sealed or `.open`; None when it is not a segment's."""
        match = _NAME.fullmatch(name.removesuffix(OPEN_SUFFIX))
        if match is None:
            return None
        try:
            started_at = datetime.strptime(match["started"], _STAMP).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(
            kind=match["kind"], started_at=started_at, writer=match["writer"], number=int(match["number"])
        )


class OpenLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="open"):
    """The first line: which segment this is; `previous` is the SHA-256 of its writer's last sealed file."""

    v: int
    seq: Sequence
    segment: str
    writer: str
    started_at: datetime
    previous: str | None = None


class IntentLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="intent"):
    """Written before a byte goes upstream; an intent without its record tells of a crash."""

    v: int
    seq: Sequence
    request_id: str
    created_at: datetime
    user_id: str
    team_id: str
    model: str
    endpoint: str


class SealLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="seal"):
    """The last line: counts and sums over the segment's records, and the SHA-256 of every byte before it."""

    v: int
    seq: Sequence
    records: int
    intents: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    sha256: str
    recovered: bool = False
    sealed_at: datetime | None = None


Line = OpenLine | IntentLine | RequestLine | SealLine

_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line, float_hook=exact)


def parse_line(line: bytes) -> Line:
    """Any line of a segment. Raises `msgspec.DecodeError` (or `UnicodeDecodeError`) for what is none.

    Readers that must know why a record was refused, and hold it to its limits, use `record.from_line`.
    """
    try:
        return _decoder.decode(line)
    except RecursionError as error:
        raise msgspec.DecodeError("the line is nested too deeply") from error


def open_line(name: SegmentName, *, seq: int, previous: str | None) -> bytes:
    """The line that begins a segment."""
    return encode_line(
        {
            "v": VERSION,
            "event": "open",
            "seq": seq,
            "segment": str(name),
            "writer": name.writer,
            "started_at": time_text(name.started_at),
            "previous": previous,
        }
    )


def intent_line(
    *, seq: int, request_id: str, created_at: datetime, user_id: str, team_id: str, model: str, endpoint: str
) -> bytes:
    """The line that says a request is about to go upstream."""
    return encode_line(
        {
            "v": VERSION,
            "event": "intent",
            "seq": seq,
            "request_id": request_id,
            "created_at": time_text(created_at),
            "user_id": user_id,
            "team_id": team_id,
            "model": model,
            "endpoint": endpoint,
        }
    )


class Totals:
    """Counts and sums of a segment as its lines go by; makes and checks the seal."""

    def __init__(self) -> None:
        self.records = self.intents = self.prompt_tokens = self.completion_tokens = 0
        self.cost_usd = Decimal(0)
        self.sha256 = hashlib.sha256()

    def count(self, record: UsageRecord) -> None:
        """Adds one record's tokens and money (an unknown cost adds nothing)."""
        self.records += 1
        self.prompt_tokens += record.prompt_tokens
        self.completion_tokens += record.completion_tokens
        self.cost_usd += record.cost_usd or 0

    def count_all(
        self, *, records: int, prompt_tokens: int, completion_tokens: int, cost_usd: Decimal
    ) -> None:
        """The same for many records at once."""
        self.records += records
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cost_usd += cost_usd

    def hash(self, data: bytes) -> None:
        """Adds bytes that stand before the seal."""
        self.sha256.update(data)

    def seal_line(self, *, seq: int, recovered: bool, sealed_at: datetime) -> bytes:
        """The line that ends a segment; `recovered` when another process had to write it."""
        return encode_line(
            {
                "v": VERSION,
                "event": "seal",
                "seq": seq,
                "records": self.records,
                "intents": self.intents,
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": self.completion_tokens,
                "cost_usd": money_text(self.cost_usd),
                "sha256": self.sha256.hexdigest(),
                "recovered": recovered,
                "sealed_at": time_text(sealed_at),
            }
        )

    def differences(self, seal: SealLine) -> list[str]:
        """What the seal claims and the lines do not show, one sentence each; empty when they agree."""
        ours = {
            "records": self.records,
            "intents": self.intents,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost_usd": self.cost_usd,
            "sha256": self.sha256.hexdigest(),
        }
        return [
            f"the seal says {name} {getattr(seal, name)}, the lines make {value}"
            for name, value in ours.items()
            if getattr(seal, name) != value
        ]


def sealed_segments(directory: Path, kind: str = "usage") -> list[Path]:
    """The sealed segments in a directory by start, writer and number; foreign files are passed over."""
    found = ((SegmentName.parse(path.name), path) for path in directory.glob(f"{kind}-*.jsonl"))
    # Whoever opened a named pipe would wait for ever.
    named = ((name, path) for name, path in found if name is not None and not path.is_fifo())
    return [path for _, path in sorted(named)]


def last_line(file: BinaryIO, size: int) -> bytes:
    """The last line of a segment of this size: its seal, where it has one. Raises `OSError`."""
    file.seek(max(0, size - _LONGEST_SEAL))
    tail = file.read()
    return tail[tail.rfind(b"\n", 0, len(tail) - 1) + 1 :]
