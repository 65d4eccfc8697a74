"""The lines of content segments, which hold prompts and answers apart from usage.

A content segment is like a usage segment, with `content` lines between its `open` and `seal` lines.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from proxy.segments.lines import OpenLine, SealLine, Sequence
from proxy.segments.record import VERSION, encode_line, time_text

MAX_CONTENT_BYTES: Final = 1_048_576
"""The maximum size of the JSON of one input, and of one output; longer ones are cut."""
MAX_CONTENT_LINE_BYTES: Final = 2 * MAX_CONTENT_BYTES + 4096
"""The maximum size of a line; readers reject longer ones."""

NOTHING: Final = msgspec.Raw(b"null")


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The content of one request; `input` and `output` are JSON."""

    request_id: str
    created_at: datetime
    input: msgspec.Raw = NOTHING
    output: msgspec.Raw = NOTHING


class ContentLine(Content, frozen=True, kw_only=True, tag_field="event", tag="content"):
    """The content as a line of a segment, with format version and line number."""

    v: int
    seq: Sequence


AnyContentLine = OpenLine | ContentLine | SealLine

_decoder: msgspec.json.Decoder[AnyContentLine] = msgspec.json.Decoder(AnyContentLine)


def content_line(content: Content, seq: int) -> bytes:
    """Encodes content as a JSON line with its newline; `seq` is the line number, from 1."""
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
    """Parses any line of a content segment. Raises `msgspec.DecodeError` or `UnicodeDecodeError`."""
    try:
        return _decoder.decode(line)
    except RecursionError as error:
        raise msgspec.DecodeError("the line is nested too deeply") from error
