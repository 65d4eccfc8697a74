"""The lines of content segments: what one request asked and was answered, kept apart from usage; their seal.

Such a segment has the form of a usage segment, with `content` lines between its `open` and its `seal`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from proxy.segments.lines import OpenLine, SealLine, Sequence
from proxy.segments.record import VERSION, encode_line, time_text

MAX_CONTENT_BYTES: Final = 1_048_576
"""What the JSON of one input, and of one output, may take in a segment; more is cut."""
MAX_CONTENT_LINE_BYTES: Final = 2 * MAX_CONTENT_BYTES + 4096
"""Readers refuse a longer line, so that one line never fills their memory."""

NOTHING: Final = msgspec.Raw(b"null")


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One request's content: `input` and `output` are JSON texts as they go into a line."""

    request_id: str
    created_at: datetime
    input: msgspec.Raw = NOTHING
    output: msgspec.Raw = NOTHING


class ContentLine(Content, frozen=True, kw_only=True, tag_field="event", tag="content"):
    """The same as it stands in a segment: with the format's version and its line number."""

    v: int
    seq: Sequence


AnyContentLine = OpenLine | ContentLine | SealLine

_decoder: msgspec.json.Decoder[AnyContentLine] = msgspec.json.Decoder(AnyContentLine)


def content_line(content: Content, seq: int) -> bytes:
    """The content of a request as one JSON line ended by a newline; `seq` is its line number, from 1."""
    return encode_line(
        {
            "v": VERSION,
            "event": "content",
            "seq": seq,
            "request_id": content.request_id,
            "created_at": time_text(content.created_at),
            "input": content.input,
            "output": content.output,
        }
    )


def parse_content_line(line: bytes) -> AnyContentLine:
    """Any line of a content segment. Raises `DecodeError` of msgspec or `UnicodeDecodeError` for none."""
    try:
        return _decoder.decode(line)
    except RecursionError as error:
        raise msgspec.DecodeError("the line is nested too deeply") from error
