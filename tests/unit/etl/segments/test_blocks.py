"""A block of lines has the agrees meaning as its lines read singly, or is refused as a block."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.load.segment import MONEY_CONTEXT
from etl.records.columns import COLUMNS
from etl.records.rows import to_row
from etl.segments.blocks import read_block
from etl.segments.lines import read_line
from proxy.segments.record import MAX_LINE_BYTES, RecordError, RequestLine
from tests.support.arbitrary import JSON, UNTIMED
from tests.unit.etl.segments.test_lines import INTENT, RECORD, REFUSED, line

FULL: dict[str, Any] = RECORD | {
    "upstream_model": None,
    "cache_read_tokens": 1,
    "cost_usd": "0.25",
    "latency_ms": 3.125,
    "ttft_ms": None,
    "error": {"type": "timeout", "message": "It took too long."},
    "attempts": [{"provider": "openai", "status": 200, "latency_ms": 1.5}],
    "usage": {"prompt_tokens": 3},
    "unit_prices": {"input_mtok": "1.25"},
    "pii_entities": {},
}
# JSON numbers in forms that Relay does not write, inside and outside the valid range.
NUMBERS = [
    "-0", "-0.0", "0e-5", "0e-99999999999999999999", "1e-6", "1e-7", "1e-12", "1e-13", "5.0", "1e3", "1E11",
    "99999999999.999999", "999999999999.999999999999", "1e12", "1e400", "1e99999999999999999999", "9" * 5000,
    '"NaN"', '"-NaN"', '"sNaN"', '"Infinity"', '"0E-200000"', '"0E+9999"', '"-0"', '"1.5"', '"1_0"', '" 1"',
    "0.1234567", "0.0000005", "1.0000000000000000000000000000000000000000000000000000000000000001",
]  # fmt: skip
TIMES = [
    "2026-11-01T09:30:00+00:00", "2026-11-01T09:30:00.5+05:45", "2026-11-01 09:30:00Z",
    "2026-11-01T09:30:00-00:00", "2026-02-30T00:00:00Z", "2026-W45-1T09:30:00.123456Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
]  # fmt: skip
TEXTS = ["x" * 200, "x" * 201, "\U0001f600" * 512, "a\0b", "a\\b", "\ud800"]
NAMES = [column.name for column in COLUMNS]
VALUES = st.sampled_from(NUMBERS) | st.sampled_from([*TIMES, *TEXTS]).map(json.dumps) | JSON.map(json.dumps)


def stored(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of a block with its amounts as numbers, as in the database."""
    values = list(row)
    for at in map(NAMES.index, ("cost_usd", "latency_ms", "ttft_ms")):
        text = bytes(row[at]).decode() if isinstance(row[at], msgspec.Raw) else row[at]
        values[at] = None if text in (None, "null") else Decimal(text)
    return tuple(values)


def accepted(data: bytes) -> list[Any] | None:
    """The lines of a block read singly; None when one of them is refused."""
    with localcontext(MONEY_CONTEXT):
        try:
            return [read_line(one) for one in data.split(b"\n")[:-1]]
        except RecordError:
            return None


def agrees(data: bytes, first_seq: int) -> bool:
    """Whether a block is accepted; asserts that it then equals its lines read singly."""
    with localcontext(MONEY_CONTEXT):
        block = read_block(data, first_seq)
        if block is None:
            return False
        lines = accepted(data)
        assert lines is not None
        records = [one for one in lines if isinstance(one, RequestLine)]
        assert list(map(stored, block.rows())) == [to_row(one) for one in records]
        assert block.costs == [one.cost_usd for one in records]
        assert list(map(Decimal, block.latencies)) == [one.latency_ms for one in records]
        assert [one.is_error for one in records] == [
            one.status >= 400 or one.error is not None for one in block.records
        ]
        assert block.cost_usd == sum(one.cost_usd or 0 for one in records)
        assert [one.request_id for one in block.intents] == [
            one.request_id for one in lines if not isinstance(one, RequestLine)
        ]
    return True


def test_lines_of_the_proxy_are_read_as_a_block() -> None:
    assert agrees(line(INTENT, seq=7) + line(FULL, seq=8) + line(RECORD, seq=9), first_seq=7)


@UNTIMED
@given(name=st.sampled_from(sorted(FULL)), value=VALUES, base=st.sampled_from([FULL, INTENT]))
def test_block_and_single_line_reading_agree(name: str, value: str, base: dict[str, Any]) -> None:
    body = json.dumps(base | {"seq": 2, name: "?"}).replace('"?"', value, 1)
    agrees(line(FULL, seq=1) + body.encode("utf-8", "surrogatepass") + b"\n", first_seq=1)


@pytest.mark.parametrize("name", sorted({*FULL, *INTENT}))
@pytest.mark.parametrize("value", [*NUMBERS, *map(json.dumps, TIMES)])
def test_unusual_numbers_and_times_agree_or_are_read_singly(name: str, value: str) -> None:
    for base in (FULL, INTENT):
        body = json.dumps(base | {"seq": 2, name: "?"}).replace('"?"', value, 1)
        agrees(body.encode() + b"\n", first_seq=2)


SKIPPED_FIELDS: list[tuple[str, dict[str, Any] | list[Any]]] = [
    ("attempts", [{"provider": "openai", "status": 200, "latency_ms": "?"}]),
    ("attempts", [{"provider": "openai", "status": "?", "latency_ms": 1}]),
    ("attempts", [{"provider": "?", "status": None, "latency_ms": 1}]),
    ("attempts", ["?"]),
    ("usage", {"prompt_tokens": "?"}),
    ("usage", {"details": [{"x": "?"}]}),
    ("pii_entities", {"EMAIL_ADDRESS": "?"}),
    ("unit_prices", {"input_mtok": "?"}),
    ("error", {"type": "timeout", "message": "?"}),
    ("error", {"type": "?", "message": "It took too long.", "later": "?"}),
]
INSIDE = [
    *NUMBERS,
    *map(json.dumps, TIMES + TEXTS),
    "1e-400",
    "1e308",
    "1e309",
    "9" * 300,
    "null",
    "[]",
    "01",
]


@pytest.mark.parametrize("field", SKIPPED_FIELDS, ids=range(len(SKIPPED_FIELDS)))
@pytest.mark.parametrize("value", INSIDE, ids=range(len(INSIDE)))
def test_unusual_values_in_skipped_fields_agree(
    field: tuple[str, dict[str, Any] | list[Any]], value: str
) -> None:
    name, inside = field
    body = json.dumps(FULL | {"seq": 2, name: inside}).replace('"?"', value)
    agrees(body.encode("utf-8", "surrogatepass") + b"\n", first_seq=2)


def test_invalid_utf8_in_skipped_fields_is_refused() -> None:
    for odd in (b"\xff", b"\xc3"):
        assert read_block(line(FULL, seq=2, usage={"x": "?"}).replace(b"?", odd), 2) is None
        assert accepted(line(FULL, seq=2, usage={"x": "?"}).replace(b"?", odd)) is None


@pytest.mark.parametrize("refused", [data for data, _ in REFUSED], ids=range(len(REFUSED)))
def test_block_with_an_invalid_line_is_read_singly(refused: bytes) -> None:
    for data in (refused, line(RECORD, seq=1) + refused, refused + line(RECORD, seq=2)):
        assert read_block(data, 1 if data.startswith(line(RECORD, seq=1)) else 2) is None


ODD_BLOCKS = [
    # Two values on one line, and one value on two: the line numbers would be wrong.
    line(FULL, seq=2)[:-1] + b" " + line(FULL, seq=3),
    line(FULL, seq=2).replace(b'"usage": ', b'"usage": \n'),
    # Empty lines are rejects.
    line(FULL, seq=2) + b"\n" + line(FULL, seq=3),
    b"\n" + line(FULL, seq=2),
    # An unexpected line number.
    line(FULL, seq=3),
    line(FULL, seq=2) + line(FULL, seq=2),
    # A line above the size limit.
    line(FULL, seq=2, usage={"x": "y" * MAX_LINE_BYTES}),
]


@pytest.mark.parametrize("data", ODD_BLOCKS, ids=range(len(ODD_BLOCKS)))
def test_block_without_one_value_per_line_is_read_singly(data: bytes) -> None:
    assert read_block(data, 2) is None
