"""Records and segments for the tests of the reports: generated ones, and lines that are wrong on purpose."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from proxy.segments.lines import SegmentName, Totals, open_line
from proxy.segments.record import Fault, RecordError, UsageRecord, as_money, from_line, to_line

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
USERS = ("ada", "bob", "Zoë", "=1+1", "a|b", 'quo"te', "back\\slash", "", "tab\there", "😀")
TEAMS = ("search", "ads", "Ads", "ops\u00a0")
MODELS = ("gpt-5", "claude-opus-4", "mistral/large")
PROVIDERS = ("openai", "anthropic", "")
KEYS = ("key-1", "key-2", "Key-2")
ENDPOINTS = ("/v1/chat/completions", "/v1/messages")

HOURS = st.integers(0, 24 * 61).map(lambda hours: FIRST + timedelta(hours=hours))
EDGES = st.sampled_from([timedelta(microseconds=n) for n in (-1, 0, 1)] + [timedelta(minutes=30)])
MOMENTS = st.builds(lambda hour, edge: hour + edge, HOURS, EDGES) | st.datetimes(
    datetime(2026, 10, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(2026, 11, 30),  # noqa: DTZ001 - hypothesis wants naive bounds
    timezones=st.just(UTC),
)
TOKENS = st.integers(0, 5000) | st.integers(0, 2**52)
MONEY = st.decimals(0, 10**12 - 1, places=12, allow_nan=False) | st.decimals(0, 1, places=9)
DURATIONS = (
    st.decimals(0, 10**6, places=6)
    | st.decimals(0, 10**11 - 1, places=9)
    | st.sampled_from([Decimal(0), Decimal("0.0000005"), Decimal("12345678901.1234565"), Decimal("1E+3")])
)


@st.composite
def usage_records(draw: st.DrawFn) -> UsageRecord:
    """Any record; identities are few, so that some meet again."""
    prompt, completion = draw(TOKENS), draw(TOKENS)
    return UsageRecord(
        request_id=f"req_{draw(st.integers(0, 30)):026d}",
        created_at=draw(MOMENTS),
        user_id=draw(st.sampled_from(USERS)),
        team_id=draw(st.sampled_from(TEAMS)),
        model=draw(st.sampled_from(MODELS)),
        provider=draw(st.sampled_from(PROVIDERS)),
        key_id=draw(st.sampled_from(KEYS)),
        endpoint=draw(st.sampled_from(ENDPOINTS)),
        status=draw(st.sampled_from([200, 399, 400, 429, 502, 599])),
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cache_read_tokens=prompt // 2,
        cache_write_tokens=prompt // 3,
        reasoning_tokens=draw(st.integers(0, completion)),
        usage_source=draw(st.sampled_from(["provider", "estimated", "cache", "none"])),
        cost_usd=draw(st.none() | MONEY.map(as_money)),
        latency_ms=draw(DURATIONS),
        cache_hit=draw(st.booleans()),
        error=draw(st.none() | st.just(Fault(type="overloaded", message="the provider failed"))),
    )


def record(number: int = 1, **changes: Any) -> UsageRecord:
    """A plain record; different numbers differ in identity, time and use."""
    plain = UsageRecord(
        request_id=f"req_{number:026d}",
        created_at=FIRST + timedelta(hours=number),
        user_id="ada",
        team_id="search",
        model="gpt-5",
        status=200,
        prompt_tokens=10 * number,
        completion_tokens=number,
        total_tokens=11 * number,
        cost_usd=Decimal("0.0000125") * number,
        latency_ms=Decimal("100.5"),
    )
    return msgspec.structs.replace(plain, **changes)


def write_segment(directory: Path, items: Sequence[UsageRecord | bytes], *, number: int = 1) -> Path:
    """A sealed segment of these records and lines; its seal counts exactly the lines that are records."""
    name = SegmentName(started_at=FIRST, writer="w1", number=number)
    totals, seqs = Totals(), itertools.count(number * 10_000)
    lines = [open_line(name, seq=next(seqs), previous=None)]
    for item in items:
        seq = next(seqs)
        line = item if isinstance(item, bytes) else to_line(item, seq)
        lines.append(line)
        try:
            totals.count(from_line(line))
        except (RecordError, RecursionError):
            continue
    for line in lines:
        totals.hash(line)
    lines.append(totals.seal_line(seq=next(seqs), recovered=False, sealed_at=FIRST))
    path = directory / str(name)
    path.write_bytes(b"".join(lines))
    return path


def changed(text: str, **fields: Any) -> bytes:
    """A plain record's line with fields replaced, then with `text` in place of its final brace."""
    body = msgspec.json.decode(to_line(record(), 7)) | fields
    return msgspec.json.encode(body)[:-1] + text.encode() + b"\n"
