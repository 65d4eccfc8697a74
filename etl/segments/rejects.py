"""Lines that could not be loaded: where each stands, why, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_KEPT_BYTES: Final = 4096
_KEPT_REASON: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """A line of a segment (numbered from 1, beginning at `byte_offset`) that is not in `usage_records`."""

    segment: str
    line_number: int
    byte_offset: int
    reason: str
    line: str

    @classmethod
    def of(cls, data: bytes, *, segment: str, line_number: int, byte_offset: int, reason: str) -> Reject:
        """A reject whose text PostgreSQL can store: the beginning of the line, without NUL."""
        line = storable(data[:_KEPT_BYTES].decode(errors="replace").rstrip("\n"))
        reason = storable(reason)[:_KEPT_REASON]
        return cls(
            segment=segment, line_number=line_number, byte_offset=byte_offset, reason=reason, line=line
        )


def storable(text: str) -> str:
    """The text with NUL, which PostgreSQL cannot hold, replaced by U+FFFD."""
    return text.replace("\0", "\ufffd")
