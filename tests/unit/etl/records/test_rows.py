"""Rows as CSV: the fast way and the plain way write the same bytes, which a CSV reader reads back."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from etl.records.rows import to_csv, to_csv_by_field
from tests.support.arbitrary import UNTIMED

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FIELDS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=12)
    | TEXTS
)
ROWS = st.lists(st.lists(FIELDS, min_size=1, max_size=6), max_size=5)


@UNTIMED
@given(rows=ROWS)
@example(
    rows=[["]", "[", "],\n[", '"', "\\", '\\"', "null"], [None, Decimal("0.000000000001"), "ü\u2028", ""]]
)
@example(rows=[])
def test_fast_and_plain_way_write_the_same(rows: list[list[object]]) -> None:
    assert to_csv(rows) == to_csv_by_field(rows)


@UNTIMED
@given(texts=st.lists(TEXTS.filter(lambda text: "\r" not in text), min_size=1, max_size=5))
def test_texts_are_read_back(texts: list[str]) -> None:
    data = to_csv([texts]).decode()
    (found,) = csv.reader(io.StringIO(data, newline=""), escapechar="\\", doublequote=False)
    assert found == texts


def test_null_is_a_bare_word_and_times_are_rfc_3339() -> None:
    row = ["null", None, datetime(2026, 11, 1, 9, 0, 0, 5, tzinfo=UTC)]
    assert to_csv([row]) == b'"null",null,"2026-11-01T09:00:00.000005Z"\n'
