"""A record as a row of `usage_records`, and rows as the CSV of the COPY statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

import msgspec

from etl.records.columns import COLUMNS, Column
from proxy.segments.record import UsageRecord, as_milliseconds, as_money

# A cost such as 0E-200000 is a valid zero with more digits than PostgreSQL takes.
_ROUNDED: Final[dict[str, Callable[[Any], object]]] = {"money": as_money, "milliseconds": as_milliseconds}


def _conversion(column: Column) -> Callable[[Any], object] | None:
    _, _, part = column.source.partition(".")
    return attrgetter(part) if part else _ROUNDED.get(column.kind)


_VALUES: Final = attrgetter(*(column.field for column in COLUMNS))
_CONVERSIONS: Final = [
    (place, convert) for place, column in enumerate(COLUMNS) if (convert := _conversion(column)) is not None
]


def to_row(record: UsageRecord) -> tuple[object, ...]:
    """The values in the order of `COLUMNS`; money and durations rounded as every store does."""
    values = list(_VALUES(record))
    for place, convert in _CONVERSIONS:
        if values[place] is not None:
            values[place] = convert(values[place])
    return tuple(values)


_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_decoder: Final = msgspec.json.Decoder(list, float_hook=Decimal)


def to_csv(rows: Sequence[object]) -> bytes:
    """Rows, each a sequence or a struct that is a JSON array, as CSV for `NULL 'null', ESCAPE '\\'`.

    A JSON array without its brackets is such a row, and the JSON codec is fast. The result is that of
    `to_csv_by_field`, which a property test checks.
    """
    if not rows:
        return b""
    data = _encoder.encode_lines(rows)
    if b"\\" in data:  # JSON escapes texts differently from CSV
        return to_csv_by_field(rows)
    # JSON texts contain no newline, so these are the ends of rows; replace() takes longer.
    return b"\n".join(data[1:-2].split(b"]\n[")) + b"\n"


def to_csv_by_field(rows: Sequence[object]) -> bytes:
    """The same rows written field by field, the plain way: `relayctl etl run --no-fast-path`."""
    return b"".join(map(_line, rows))


def _line(row: object) -> bytes:
    return ",".join(map(_field, _decoder.decode(_encoder.encode(row)))).encode() + b"\n"


def _field(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    text = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
