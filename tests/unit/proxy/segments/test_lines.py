"""Segment names, the kinds of line, and the seal."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.segments.lines import (
    IntentLine,
    OpenLine,
    SealLine,
    SegmentName,
    Totals,
    intent_line,
    open_line,
    parse_line,
    sealed_segments,
)
from proxy.segments.record import UsageRecord, to_line
from tests.support.arbitrary import UNTIMED

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NAME = SegmentName(started_at=NOON, writer="host-1-ab", number=7)


def a_record(number: int, cost: Decimal | None) -> UsageRecord:
    return UsageRecord(
        request_id=f"req_{number}",
        created_at=NOON,
        user_id="u",
        team_id="t",
        model="m",
        status=200,
        prompt_tokens=number,
        completion_tokens=1,
        total_tokens=number + 1,
        cost_usd=cost,
    )


NAMES: list[tuple[str, SegmentName | None]] = [
    ("usage-20261101T120000Z-host-1-ab-000007.jsonl", NAME),
    ("usage-20261101T120000Z-host-1-ab-000007.jsonl.open", NAME),
    ("usage-20261101T120000Z-a-000001-1000000.jsonl",
     SegmentName(started_at=NOON, writer="a-000001", number=1_000_000)),
    ("content-20261101T120000Z-w-000001.jsonl",
     SegmentName(kind="content", started_at=NOON, writer="w", number=1)),
    ("usage-20261301T120000Z-w-000001.jsonl", None),
    ("usage-20261101T120000Z-w-01.jsonl", None),
    ("usage-20261101T120000Z-w-000001.jsonl.gz", None),
    ("usage-20261101T120000Z-w-000001.jsonl\n", None),
    ("usage-20261101T120000Z-../w-000001.jsonl", None),
    (".usage-20261101T120000Z-w-000001.jsonl.new", None),
    ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parsed"), NAMES)
def test_file_names_are_parsed_or_rejected(name: str, parsed: SegmentName | None) -> None:
    assert SegmentName.parse(name) == parsed


WRITERS = st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True)
STARTS = st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@UNTIMED
@given(writer=WRITERS, number=st.integers(1, 10**8), started_at=STARTS)
def test_segment_name_survives_formatting_and_parsing(writer: str, number: int, started_at: datetime) -> None:
    name = SegmentName(started_at=started_at.replace(microsecond=0), writer=writer, number=number)
    assert SegmentName.parse(str(name)) == name


def test_start_in_another_time_zone_is_named_in_utc() -> None:
    there = datetime(2026, 11, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert str(SegmentName(started_at=there, writer="w", number=1)) == "usage-20261031T230000Z-w-000001.jsonl"


def test_open_and_intent_lines_follow_the_contract() -> None:
    opened = parse_line(open_line(NAME, seq=9, previous="ab"))
    assert isinstance(opened, OpenLine)
    assert (opened.v, opened.seq, opened.segment, opened.writer) == (1, 9, str(NAME), "host-1-ab")
    assert (opened.started_at, opened.previous) == (NOON, "ab")
    line = intent_line(
        seq=2, request_id="r", created_at=NOON, user_id="u", team_id="t", model="m", endpoint="/v1/x"
    )
    assert json.loads(line) == {
        "v": 1, "event": "intent", "seq": 2, "request_id": "r", "created_at": "2026-11-01T12:00:00.000000Z",
        "user_id": "u", "team_id": "t", "model": "m", "endpoint": "/v1/x",
    }  # fmt: skip
    assert isinstance(parse_line(line), IntentLine)


@UNTIMED
@given(costs=st.lists(st.none() | st.decimals(0, 10**6, places=12), max_size=8), intents=st.integers(0, 3))
def test_seal_matches_the_lines_before_it(costs: list[Decimal | None], intents: int) -> None:
    records = [a_record(number, cost) for number, cost in enumerate(costs)]
    lines = [to_line(record, seq) for seq, record in enumerate(records, 1)]
    totals = Totals()
    totals.intents = intents
    for record, line in zip(records, lines, strict=True):
        totals.count(record)
        totals.hash(line)
    sealing = totals.seal_line(seq=len(lines) + 1, recovered=False, sealed_at=NOON)
    sealed = json.loads(sealing)
    assert sealed["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    assert (sealed["records"], sealed["intents"], sealed["prompt_tokens"]) == (
        len(costs), intents, sum(range(len(costs))),
    )  # fmt: skip
    assert Decimal(sealed["cost_usd"]) == sum((cost for cost in costs if cost is not None), Decimal(0))
    assert "E" not in sealed["cost_usd"]
    seal = parse_line(sealing)
    assert isinstance(seal, SealLine)
    assert totals.differences(seal) == []
    assert (seal.recovered, seal.sealed_at) == (False, NOON)


CHANGES: list[tuple[str, object]] = [
    ("records", 3),
    ("intents", 1),
    ("prompt_tokens", 0),
    ("completion_tokens", 99),
    ("cost_usd", Decimal("0.3")),
    ("sha256", "0" * 64),
]


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_differences_name_the_field_of_the_seal(name: str, value: object) -> None:
    totals = Totals()
    for number in (1, 2):
        totals.count(a_record(number, Decimal("0.1")))
    seal = parse_line(totals.seal_line(seq=1, recovered=True, sealed_at=NOON))
    assert isinstance(seal, SealLine)
    (difference,) = totals.differences(msgspec.structs.replace(seal, **{name: value}))
    assert difference.startswith(f"the seal says {name} {value}, the lines make ")


def test_seal_of_many_small_costs_is_exact() -> None:
    totals = Totals()
    for number in range(10_000):
        totals.count(a_record(number, Decimal("123456789.000000000001")))
    seal = parse_line(totals.seal_line(seq=1, recovered=False, sealed_at=NOON))
    assert isinstance(seal, SealLine)
    assert seal.cost_usd == Decimal("1234567890000.00000001")


BROKEN = [
    b"",
    b"{}",
    b'{"event":"seal"}',
    b'{"event":"other","v":1,"seq":1}',
    b"\xff\n",
    b'{"a":' * 9000,
    b'{"event":"request","v":1,"seq":1,"usage":{"x":1e99999999999999999999}}',
]


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_invalid_line_raises_a_decode_error(line: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        parse_line(line)


def test_sealed_segments_are_sorted_and_other_files_ignored(
    tmp_path: Path,
) -> None:
    names = [
        "usage-20261101T120000Z-a-000002.jsonl",
        "usage-20261101T120000Z-b-000001.jsonl",
        "usage-20261101T120001Z-a-000001.jsonl",
    ]
    strangers = [
        "usage-x.jsonl",
        "usage-20261101T120000Z-a-000003.jsonl.open",
        "content-20261101T120000Z-a-000001.jsonl",
    ]
    for name in [*reversed(names), *strangers]:
        (tmp_path / name).touch()
    assert [path.name for path in sealed_segments(tmp_path)] == names
    assert len(sealed_segments(tmp_path, "content")) == 1


def test_named_pipe_with_the_name_of_a_segment_is_ignored(tmp_path: Path) -> None:
    """Opening it would block."""
    os.mkfifo(tmp_path / "usage-20261101T000000Z-w-000001.jsonl")
    assert sealed_segments(tmp_path) == []
