"""A record and its line: round trip, rejection, and the exact text of money and time."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.segments.record import (
    MAX_LINE_BYTES,
    Attempt,
    Fault,
    RecordError,
    UsageRecord,
    as_money,
    clip,
    elapsed_ms,
    encode_line,
    from_line,
    money_text,
    time_text,
    to_line,
)
from tests.support.arbitrary import OBJECTS, UNTIMED, read

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def a_record(**changes: Any) -> UsageRecord:
    made: dict[str, Any] = {
        "request_id": "req_01",
        "created_at": NOON,
        "user_id": "ada",
        "team_id": "engines",
        "model": "gpt-4o",
        "status": 200,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
    }
    return UsageRecord(**(made | changes))


def a_line(**changes: Any) -> bytes:
    """A line as a stranger may have written it."""
    return json.dumps(json.loads(to_line(a_record(), 1)) | changes).encode() + b"\n"


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
TOKENS = st.integers(0, 2**40)
MONEY = st.decimals(0, 10**11, places=12)
MS = st.integers(0, 10**12).map(elapsed_ms)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC) | ZONES)  # noqa: DTZ001


@st.composite
def records(draw: st.DrawFn) -> UsageRecord:
    prompt, completion = draw(TOKENS), draw(TOKENS)
    cache_read = draw(st.integers(0, prompt))
    return a_record(
        request_id=draw(TEXT.filter(bool)),
        created_at=draw(TIMES),
        user_id=draw(TEXT),
        team_id=draw(TEXT),
        key_id=draw(TEXT),
        upstream_model=draw(st.none() | TEXT),
        stream=draw(st.booleans()),
        status=draw(st.integers(100, 599)),
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cache_read_tokens=cache_read,
        cache_write_tokens=draw(st.integers(0, prompt - cache_read)),
        reasoning_tokens=draw(st.integers(0, completion)),
        usage=draw(st.none() | OBJECTS.map(read)),
        cost_usd=draw(st.none() | MONEY),
        latency_ms=draw(MS),
        ttft_ms=draw(st.none() | MS),
        pii_entities=draw(st.dictionaries(TEXT, st.integers(0, 99), max_size=3)),
        error=draw(st.none() | st.builds(Fault, type=TEXT, message=TEXT)),
        attempts=tuple(
            draw(st.lists(st.builds(Attempt, provider=TEXT, status=st.none() | st.just(200), latency_ms=MS)))
        ),
        unit_prices=draw(st.none() | st.dictionaries(TEXT, MONEY.map(money_text), max_size=3)),
    )


@UNTIMED
@given(record=records(), seq=st.integers(1, 2**50))
def test_any_record_survives_its_line(record: UsageRecord, seq: int) -> None:
    line = to_line(record, seq)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read_back = from_line(line)
    assert (read_back.v, read_back.seq) == (1, seq)
    for name in record.__struct_fields__:
        assert getattr(read_back, name) == getattr(record, name), name


@UNTIMED
@given(record=records(), seq=st.integers(1, 2**50))
def test_line_has_every_field_in_order(record: UsageRecord, seq: int) -> None:
    shown = {"v": 1, "event": "request", "seq": seq} | msgspec.structs.asdict(record)
    shown["created_at"] = time_text(record.created_at)
    shown["cost_usd"] = None if record.cost_usd is None else money_text(record.cost_usd)
    assert to_line(record, seq) == encode_line(shown)


@UNTIMED
@given(record=records())
def test_line_has_money_without_exponent_and_time_with_six_digits(record: UsageRecord) -> None:
    shown = json.loads(to_line(record, 1))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown["created_at"])
    if record.cost_usd is not None:
        assert re.fullmatch(r"(0|[1-9]\d*)(\.\d{0,11}[1-9])?", shown["cost_usd"])


MONEY_TEXTS = [
    ("0", "0"),
    ("0E-12", "0"),
    ("-0.000000000000", "0"),
    ("7.5E-6", "0.0000075"),
    ("1E+3", "1000"),
    ("12.500", "12.5"),
    ("0.0000000000005", "0"),  # half a picodollar, to even
    ("0.0000000000015", "0.000000000002"),
    ("123456789012.123456789012", "123456789012.123456789012"),
]


@pytest.mark.parametrize(("amount", "text"), MONEY_TEXTS)
def test_money_is_plain_digits(amount: str, text: str) -> None:
    assert money_text(as_money(Decimal(amount))) == text


TIME_TEXTS = [
    (datetime(2026, 11, 1, 9, 30, tzinfo=UTC), "2026-11-01T09:30:00.000000Z"),
    (datetime(2026, 11, 1, 9, 30, 0, 7, tzinfo=timezone(timedelta(hours=5))), "2026-11-01T04:30:00.000007Z"),
]


@pytest.mark.parametrize(("moment", "text"), TIME_TEXTS)
def test_time_is_utc_with_microseconds(moment: datetime, text: str) -> None:
    assert time_text(moment) == text


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_time_always_has_six_fractional_digits(moment: datetime) -> None:
    assert time_text(moment) == moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


CONTRADICTIONS = [
    ({"total_tokens": 16}, "total_tokens is not"),
    ({"cache_read_tokens": 11}, "cache_read_tokens + cache_write_tokens are more"),
    ({"cache_read_tokens": 6, "cache_write_tokens": 5}, "cache_read_tokens + cache_write_tokens are more"),
    ({"reasoning_tokens": 6}, "reasoning_tokens are more"),
    ({"created_at": datetime(2026, 11, 1)}, "no time zone"),  # noqa: DTZ001 -- that is the fault
    ({"created_at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, "outside the years"),
    ({"cost_usd": Decimal("-0.01")}, "cost_usd is not between"),
    ({"cost_usd": Decimal("1e12")}, "cost_usd is not between"),
    ({"cost_usd": Decimal("NaN")}, "cost_usd is not between"),
    ({"cost_usd": Decimal("1e-13")}, "more than 12 fractional digits"),
    ({"latency_ms": Decimal(-1)}, "latency_ms is not between"),
    ({"ttft_ms": Decimal("Infinity")}, "ttft_ms is not between"),
]


@pytest.mark.parametrize(("changes", "message"), CONTRADICTIONS)
def test_contradicting_record_cannot_be_made(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        a_record(**changes)


BAD_LINES = [
    (b"not json\n", "malformed"),
    (b"[]\n", "Expected `object`"),
    (b"\xff\xfe\n", "malformed"),
    (a_line(event="intent"), "Invalid value"),
    (a_line(seq=0), "seq"),
    (a_line(v=0), "v"),
    (a_line(prompt_tokens=-1, total_tokens=4), "prompt_tokens"),
    (a_line(prompt_tokens=2**53 + 1, total_tokens=2**53 + 6), "prompt_tokens"),
    (a_line(prompt_tokens="10"), "prompt_tokens"),
    (a_line(prompt_tokens=9.5), "prompt_tokens"),
    (a_line(status=99), "status"),
    (a_line(created_at="2026-11-01T12:00:00"), "no time zone"),
    (a_line(created_at="yesterday"), "created_at"),
    (a_line(user_id="u" * 513), "user_id"),
    (a_line(request_id=""), "request_id"),
    (a_line(cost_usd="0.0000000000001"), "12 fractional digits"),
    (a_line(cost_usd="much"), "cost_usd"),
    (a_line(user_id="a\0b"), "NUL"),
    (a_line(error={"type": "a\0b", "message": ""}), "NUL"),
    (a_line(model=None), "model"),
    (b'{"v":1,"event":"request","seq":1}\n', "missing required field"),
    (a_line(usage={"x": "y" * MAX_LINE_BYTES}), "more than"),
    (
        a_line().replace(b'"usage": null', b'"usage": ' + b'{"x":' * 50_000 + b"1" + b"}" * 50_000),
        "nested too",
    ),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_invalid_line_is_rejected_with_one_sentence(line: bytes, message: str) -> None:
    with pytest.raises(RecordError, match=re.escape(message)) as refused:
        from_line(line)
    assert "\n" not in str(refused.value)


def test_old_line_loads_and_unknown_fields_are_ignored() -> None:
    required = (
        b'{"v":1,"event":"request","seq":3,"request_id":"r","created_at":"2026-11-01T12:00:00Z",'
        b'"user_id":"u","team_id":"t","model":"m","status":200,"prompt_tokens":1,"completion_tokens":2,'
        b'"total_tokens":3,"of_a_later_version":{"x":[1]}}'
    )
    record = from_line(required)
    assert (record.cost_usd, record.provider, record.attempts) == (None, "", ())


def test_number_out_of_range_in_usage_is_accepted() -> None:
    line = a_line().replace(b'"usage": null', b'"usage": {"x": [1e99999999999999999999, 1.50]}')
    assert from_line(line).usage == {"x": ["1e99999999999999999999", Decimal("1.50")]}


TOO_MUCH: list[dict[str, Any]] = [
    {"note": "x" * MAX_LINE_BYTES},
    {"note": "\ud800"},
]


@pytest.mark.parametrize("usage", TOO_MUCH, ids=["too large", "not UTF-8"])
def test_unencodable_usage_object_is_omitted(usage: dict[str, Any]) -> None:
    line = to_line(a_record(usage=usage), 1)
    assert msgspec.structs.replace(from_line(line), usage=None) == from_line(to_line(a_record(), 1))


@UNTIMED
@given(text=st.text(st.characters(), max_size=600))
def test_clipped_text_fits_into_a_record(text: str) -> None:
    record = a_record(user_id=clip(text))
    assert from_line(to_line(record, 1)).user_id == record.user_id
