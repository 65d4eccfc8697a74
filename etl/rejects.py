"""Lines that could not be loaded: where each stands, why, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.queries import named

if TYPE_CHECKING:
    import psycopg

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


def save(connection: psycopg.Connection, rejects: list[Reject]) -> None:
    """Stores rejects in the caller's transaction."""
    rows = [(one.segment, one.line_number, one.byte_offset, one.reason, one.line) for one in rejects]
    with connection.cursor() as cursor:
        cursor.executemany(named("insert_reject"), rows)


def listed(connection: psycopg.Connection, limit: int) -> list[Reject]:
    """At most `limit` rejects, those of the segments loaded last first. Raises `EtlError`."""
    # Whoever reads segments needs this module, but not psycopg, which takes its time to be imported.
    from psycopg.rows import class_row  # noqa: PLC0415

    from etl.database import translated  # noqa: PLC0415

    with translated(connection), connection.cursor(row_factory=class_row(Reject)) as cursor:
        return cursor.execute(named("list_rejects"), (limit,)).fetchall()
