"""The format of segments: file names, the four kinds of line, the seal.

One process writes a segment as `….jsonl.open` and seals it with a last line, fsync and an atomic rename to
`….jsonl`. A sealed segment is never changed.
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
_MAX_SEAL_BYTES: Final = 8192
_TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"

Sequence = Annotated[int, msgspec.Meta(ge=1)]


class SegmentName(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A segment's file name: kind, start (UTC, whole seconds), writer and number (from 1)."""

    kind: str = "usage"
    started_at: datetime
    writer: str
    number: int

    def __str__(self) -> str:
        started = self.started_at.astimezone(UTC).strftime(_TIME_FORMAT)
        return f"{self.kind}-{started}-{self.writer}-{self.number:06d}.jsonl"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Parses a file name, sealed or `.open`; None when it is not a segment's."""
        match = _NAME.fullmatch(name.removesuffix(OPEN_SUFFIX))
        if match is None:
            return None
        try:
            started_at = datetime.strptime(match["started"], _TIME_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(
            kind=match["kind"], started_at=started_at, writer=match["writer"], number=int(match["number"])
        )


class OpenLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="open"):
    """The first line; `previous` is the SHA-256 of the writer's previous segment."""

    v: int
    seq: Sequence
    segment: str
    writer: str
    started_at: datetime
    previous: str | None = None


class IntentLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="intent"):
    """Written before a request is sent; an intent without a record means a crash."""

    v: int
    seq: Sequence
    request_id: str
    created_at: datetime
    user_id: str
    team_id: str
    model: str
    endpoint: str


class SealLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="seal"):
    """The last line: counts and sums of the segment's records, and the SHA-256 of all bytes before it."""

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
    """Parses any line of a segment. Raises `msgspec.DecodeError` or `UnicodeDecodeError`.

    `record.from_line` also checks a record's limits and reports why it is invalid.
    """
    try:
        return _decoder.decode(line)
    except RecursionError as error:
        raise msgspec.DecodeError("the line is nested too deeply") from error


def open_line(name: SegmentName, *, seq: int, previous: str | None) -> bytes:
    """Encodes the first line of a segment."""
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
    """Encodes the line that is written before a request is sent."""
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
    """The running counts and sums of a segment; makes and checks its seal."""

    def __init__(self) -> None:
        self.records = self.intents = self.prompt_tokens = self.completion_tokens = 0
        self.cost_usd = Decimal(0)
        self.sha256 = hashlib.sha256()

    def count(self, record: UsageRecord) -> None:
        """Adds one record's tokens and cost (an unknown cost adds nothing)."""
        self.records += 1
        self.prompt_tokens += record.prompt_tokens
        self.completion_tokens += record.completion_tokens
        self.cost_usd += record.cost_usd or 0

    def count_all(
        self, *, records: int, prompt_tokens: int, completion_tokens: int, cost_usd: Decimal
    ) -> None:
        """Adds the sums of many records."""
        self.records += records
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cost_usd += cost_usd

    def hash(self, data: bytes) -> None:
        """Adds bytes that precede the seal."""
        self.sha256.update(data)

    def seal_line(self, *, seq: int, recovered: bool, sealed_at: datetime) -> bytes:
        """Encodes the last line of a segment; `recovered` when another process writes it."""
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
        """The differences between the seal and the lines, one sentence each; empty when they agree."""
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
    """The sealed segments in a directory by start, writer and number; other files are ignored."""
    found = ((SegmentName.parse(path.name), path) for path in directory.glob(f"{kind}-*.jsonl"))
    # Opening a named pipe would block.
    named = ((name, path) for name, path in found if name is not None and not path.is_fifo())
    return [path for _, path in sorted(named)]


def last_line(file: BinaryIO, size: int) -> bytes:
    """The last line of a segment of this size: its seal, if it is sealed. Raises `OSError`."""
    file.seek(max(0, size - _MAX_SEAL_BYTES))
    tail = file.read()
    return tail[tail.rfind(b"\n", 0, len(tail) - 1) + 1 :]
