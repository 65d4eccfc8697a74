"""Lines that could not be loaded: position, reason and text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MAX_LINE_BYTES: Final = 4096
_MAX_REASON_CHARACTERS: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """A line of a segment (numbered from 1, beginning at `byte_offset`) that is not in `usage_records`."""

    segment: str
    line_number: int
    byte_offset: int
    reason: str
    line: str

    @classmethod
    def from_line(
        cls, data: bytes, *, segment: str, line_number: int, byte_offset: int, reason: str
    ) -> Reject:
        """A reject whose text PostgreSQL can store: the beginning of the line, without NUL."""
        line = replace_nul(data[:_MAX_LINE_BYTES].decode(errors="replace").rstrip("\n"))
        reason = replace_nul(reason)[:_MAX_REASON_CHARACTERS]
        return cls(
            segment=segment, line_number=line_number, byte_offset=byte_offset, reason=reason, line=line
        )


def replace_nul(text: str) -> str:
    """The text with NUL, which PostgreSQL cannot store, replaced by U+FFFD."""
    return text.replace("\0", "\ufffd")
