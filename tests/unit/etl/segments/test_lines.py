"""Single lines of a segment: their types, and the reasons for refusing one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from etl.segments.lines import read_line
from proxy.segments.lines import IntentLine, SealLine
from proxy.segments.record import MAX_LINE_BYTES, RecordError, RequestLine

RECORD: dict[str, Any] = {
    "v": 1,
    "event": "request",
    "seq": 2,
    "request_id": "req_01",
    "created_at": "2026-11-01T09:30:00.000000Z",
    "user_id": "ada",
    "team_id": "blue",
    "model": "gpt-5",
    "status": 200,
    "prompt_tokens": 3,
    "completion_tokens": 4,
    "total_tokens": 7,
}
INTENT = {
    name: RECORD[name] for name in ("v", "seq", "request_id", "created_at", "user_id", "team_id", "model")
} | {"event": "intent", "endpoint": "/v1/messages"}
SEAL = {
    "v": 1,
    "event": "seal",
    "seq": 9,
    "records": 1,
    "intents": 0,
    "prompt_tokens": 3,
    "completion_tokens": 4,
    "cost_usd": "0.25",
    "sha256": "0" * 64,
}


def line(base: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**base, **changes}).encode() + b"\n"


REFUSED = [
    # Not JSON at all, or not an object.
    (b"junk\n", "JSON is malformed: invalid character (byte 0)"),
    (b"\n", "Input data was truncated"),
    (b'{"v":1,"event":"request","seq":2,"requ\n', "JSON is malformed"),
    (b"[1]\n", "Expected `object`, got `array`"),
    # An unknown event, or none.
    (line(RECORD, event="reqest"), "unknown event 'reqest'"),
    (b"{}\n", "unknown event ''"),
    (line(RECORD, event=None), "Expected `str`, got `null` - at `$.event`"),
    # Wrong types, missing fields.
    (line(RECORD, prompt_tokens="3"), "Expected `int`, got `str` - at `$.prompt_tokens`"),
    (b'{"v":1,"event":"request","seq":2}\n', "missing required field `request_id`"),
    # Numbers that are invalid or contradict each other.
    (line(RECORD, prompt_tokens=-3), "Expected `int` >= 0 - at `$.prompt_tokens`"),
    (line(RECORD, total_tokens=8), "total_tokens is not prompt_tokens + completion_tokens"),
    (line(RECORD, cache_read_tokens=4), "cache_read_tokens + cache_write_tokens are more than prompt_tokens"),
    (line(RECORD, reasoning_tokens=5), "reasoning_tokens are more than completion_tokens"),
    (line(RECORD, seq=2**53 + 1), "seq is more than 9007199254740992"),
    (line(RECORD, cost_usd="NaN"), "cost_usd is not between 0 and 10^12 USD"),
    # Times without a zone, or outside the range of PostgreSQL and Python.
    (line(RECORD, created_at="2026-11-01T09:30:00"), "created_at has no time zone"),
    (
        line(RECORD, created_at="0001-01-01T00:00:00+01:00"),
        "created_at is outside the years 1 to 9999 in UTC",
    ),
    (line(INTENT, created_at="2026-11-01T09:30:00"), "created_at has no time zone"),
    (
        line(INTENT, created_at="9999-12-31T23:59:59-01:00"),
        "created_at is outside the years 1 to 9999 in UTC",
    ),
    # Text that PostgreSQL cannot store or index.
    (line(RECORD, user_id="a\0b"), "a text holds a NUL character, which PostgreSQL cannot store"),
    (line(INTENT, model="a\0b"), "a text holds a NUL character, which PostgreSQL cannot store"),
    (line(RECORD).replace(b"ada", b"\xff\xfe"), "'utf-8' codec can't decode byte 0xff"),
    (line(RECORD, model="m" * 513), "Expected `str` of length <= 512 - at `$.model`"),
    (line(RECORD, user_id="\U0001f600" * 512, team_id="\U0001f600" * 512), "more than 2500 together"),
    (line(INTENT, request_id="r" * 129), "a text of the intent is too long, or its request_id is empty"),
    (line(INTENT, request_id=""), "a text of the intent is too long, or its request_id is empty"),
    # Lines that could break a parser.
    (line(RECORD, user_id="x" * 1_000_000), f"the line has more than {MAX_LINE_BYTES} bytes"),
    (line(RECORD)[:-2] + b',"usage":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, "nested too deeply"),
]


@pytest.mark.parametrize(("data", "reason"), REFUSED)
def test_invalid_line_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        read_line(data)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (line(RECORD), RequestLine),
        (line(RECORD)[:-1], RequestLine),  # a last line without its newline
        (line(RECORD, invented_later=[1, {"a": None}], v=2), RequestLine),
        (line(RECORD, user_id="\U0001f600" * 512, team_id="t" * 440), RequestLine),  # exactly at the limit
        (line(INTENT), IntentLine),
        (line(SEAL), SealLine),
    ],
)
def test_valid_line_has_the_type_of_its_event(data: bytes, kind: type) -> None:
    assert type(read_line(data)) is kind
