"""Records as the columns of a Parquet file: one file per UTC day, sorted by user."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from operator import attrgetter
from typing import Any, Final

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from pyarrow import parquet

from etl.records.columns import ARCHIVE_ONLY, COLUMNS, Kind
from etl.records.rows import to_row
from proxy.segments.record import UsageRecord

_BATCH: Final = 2000
_ROW_GROUP: Final = 16_384
_LEVEL: Final = 9
_TYPES: Final[dict[Kind, Any]] = {
    "text": pa.string(),
    "time": pa.timestamp("us", "UTC"),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "money": pa.decimal128(38, 12),
    "milliseconds": pa.decimal128(18, 6),
}
_TEXT: Final = _TYPES["text"]
_SCHEMA: Final = pa.schema(
    [
        *((column.name, _TYPES[column.kind]) for column in COLUMNS),
        # The rest of the record, objects and arrays as JSON texts …
        ("error_message", _TEXT),
        *((name, _TEXT) for name in ARCHIVE_ONLY),
        # … and its place: the segment, and its line number there, from 1.
        ("segment", _TEXT),
        ("line", pa.int64()),
    ]
)
# Nearly every row has its own value in these columns; the values of all other texts are few and repeat.
_UNLIKE: Final = {"request_id", "usage", "provider_request_id", "attempts"}
_DICTIONARY: Final = [field.name for field in _SCHEMA if field.type == _TEXT and field.name not in _UNLIKE]
_ORDER: Final = ("day", "user_id", "created_at", "request_id", "segment", "line")
_rest_of: Final = attrgetter(*ARCHIVE_ONLY)

_encoder = msgspec.json.Encoder(decimal_format="number")


def _text(value: object) -> str | None:
    """A text as it is, any other value as JSON."""
    return value if value is None or isinstance(value, str) else _encoder.encode(value).decode()


def _rest(record: UsageRecord) -> tuple[str | None, ...]:
    return (record.error.message if record.error else None, *map(_text, _rest_of(record)))


class Rows:
    """Records collected in memory as columns, until there are enough of them for files."""

    def __init__(self) -> None:
        self._batches: list[Any] = []
        self._rows: list[tuple[Any, ...]] = []

    def add(self, record: UsageRecord, *, segment: str, line: int) -> None:
        """One record; `line` is its line number in the segment, from 1."""
        self._rows.append((*to_row(record), *_rest(record), segment, line))
        if len(self._rows) >= _BATCH:
            self._pack()

    def _pack(self) -> None:
        """Converts rows to columns, which take a tenth of the memory."""
        columns = zip(*self._rows, strict=True) if self._rows else ((),) * len(_SCHEMA)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
        self._batches.append(pa.record_batch(arrays, schema=_SCHEMA))
        self._rows.clear()

    def take(self) -> Iterator[tuple[date, Any]]:
        """Each UTC day with its table of records, sorted by user, time and identity; then it is empty."""
        self._pack()
        table = pa.Table.from_batches(self._batches, _SCHEMA)
        self._batches.clear()
        table = table.append_column("day", table["created_at"].cast(pa.date32()))
        table = table.sort_by([(name, "ascending") for name in _ORDER])
        begin = 0
        for entry in pc.value_counts(table["day"]):
            day, rows = entry["values"].as_py(), entry["counts"].as_py()
            yield day, table.slice(begin, rows).drop_columns("day")
            begin += rows


def to_parquet(table: Any) -> bytes:
    """The table as a Parquet file; the same table always gives the same bytes."""
    file = io.BytesIO()
    parquet.write_table(
        table,
        file,
        row_group_size=_ROW_GROUP,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=_DICTIONARY,
        write_statistics=["created_at", "user_id", "team_id", "model"],
        store_schema=False,
    )
    return file.getvalue()
