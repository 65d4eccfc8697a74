"""Parses one line of a segment and checks it against the limits of the database."""

from __future__ import annotations

from datetime import UTC
from typing import Final

import msgspec

from proxy.segments.lines import IntentLine, Line, parse_line
from proxy.segments.record import MAX_LINE_BYTES, RecordError, RequestLine, from_line

_MAX_SEQ: Final = 2**53
# A key of usage_hourly must fit into one entry of a PostgreSQL index, at most a third of a page.
_MAX_KEY_BYTES: Final = 2500
_MAX_ID: Final = 128
_MAX_TEXT: Final = 512


class _Header(msgspec.Struct):
    event: str = ""


_header = msgspec.json.Decoder(_Header)


def _check_storable(line: Line) -> None:
    if line.seq > _MAX_SEQ:
        raise RecordError(f"seq is more than {_MAX_SEQ}")
    if isinstance(line, (RequestLine, IntentLine)):
        # The exact size matters only where four bytes per character would exceed the limit.
        if len(line.user_id) + len(line.team_id) + len(line.model) > _MAX_KEY_BYTES // 4:
            _check_key(line)
        if isinstance(line, IntentLine):
            _check_intent(line)


def _check_key(line: RequestLine | IntentLine) -> None:
    size = len(f"{line.user_id}{line.team_id}{line.model}".encode())
    if size > _MAX_KEY_BYTES:
        raise RecordError(
            f"user_id, team_id and model have {size} bytes, more than {_MAX_KEY_BYTES} together"
        )


def _check_intent(line: IntentLine) -> None:
    texts = (line.request_id, line.user_id, line.team_id, line.model)
    if any("\0" in text for text in texts):
        raise RecordError("a text holds a NUL character, which PostgreSQL cannot store")
    if not 0 < len(line.request_id) <= _MAX_ID or max(map(len, texts)) > _MAX_TEXT:
        raise RecordError("a text of the intent is too long, or its request_id is empty")
    if line.created_at.tzinfo is None:
        raise RecordError("created_at has no time zone")
    try:
        line.created_at.astimezone(UTC)
    except OverflowError:
        raise RecordError("created_at is outside the years 1 to 9999 in UTC") from None


def read_line(data: bytes) -> Line:
    """Parses a line. Raises `RecordError` with one sentence that says why it cannot be loaded."""
    if len(data) > MAX_LINE_BYTES:
        raise RecordError(f"the line has more than {MAX_LINE_BYTES} bytes")
    try:
        event = _header.decode(data).event
        if event == "request":
            line: Line = from_line(data)
        elif event in ("open", "intent", "seal"):
            line = parse_line(data)
        else:
            raise RecordError(f"unknown event {event[:40]!r}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(str(error)) from error
    except RecursionError as error:
        raise RecordError("the JSON is nested too deeply") from error
    _check_storable(line)
    return line
