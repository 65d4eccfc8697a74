"""Records as the columns of a Parquet file: one file per UTC day, sorted by user."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from pyarrow import parquet

from etl.records.rows import to_row
from proxy.segments.record import UsageRecord

_TEXT: Final = pa.string()
_TOKENS: Final = pa.int64()
_DURATION: Final = pa.decimal128(18, 6)
_BATCH: Final = 2000
_ROW_GROUP: Final = 16_384
_LEVEL: Final = 9

_SCHEMA: Final = pa.schema(
    # What the ETL stores of a record, in its order …
    [("request_id", _TEXT), ("created_at", pa.timestamp("us", "UTC"))]
    + [(name, _TEXT) for name in ("user_id", "team_id", "key_id", "model", "upstream_model")]
    + [("provider", _TEXT), ("endpoint", _TEXT), ("stream", pa.bool_()), ("status", pa.int32())]
    + [(name, _TOKENS) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    + [(name, _TOKENS) for name in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens")]
    + [("usage_source", _TEXT), ("cost_usd", pa.decimal128(38, 12)), ("price_source", _TEXT)]
    + [("latency_ms", _DURATION), ("ttft_ms", _DURATION), ("cache_hit", pa.bool_())]
    + [("limit_type", _TEXT), ("error_type", _TEXT)]
    # … the rest of it, as JSON text where it is no plain value …
    + [("error_message", _TEXT), ("provider_request_id", _TEXT)]
    + [(name, _TEXT) for name in ("usage", "pii_entities", "attempts", "unit_prices")]
    # … and where it stood: the segment, and the number of its line, from 1.
    + [("segment", _TEXT), ("line", pa.int64())]
)
# Of these nearly every row has a value of its own; all other texts are few and repeat.
_UNLIKE: Final = {"request_id", "usage", "provider_request_id", "attempts"}
_DICTIONARY: Final = [
    field.name for field in _SCHEMA if field.type == pa.string() and field.name not in _UNLIKE
]
_ORDER: Final = ("day", "user_id", "created_at", "request_id", "segment", "line")


_encoder = msgspec.json.Encoder(decimal_format="number")


def _json(value: object) -> str | None:
    return None if value is None else _encoder.encode(value).decode()


def _rest(record: UsageRecord) -> tuple[str | None, ...]:
    return (
        record.error.message if record.error else None,
        record.provider_request_id,
        _json(record.usage),
        _json(record.pii_entities),
        _json(record.attempts),
        _json(record.unit_prices),
    )


class Rows:
    """Records held in memory in columns, until there are enough of them for files."""

    def __init__(self) -> None:
        self._batches: list[Any] = []
        self._rows: list[tuple[Any, ...]] = []

    def add(self, record: UsageRecord, *, segment: str, line: int) -> None:
        """One record; `line` is its line number in the segment, from 1."""
        self._rows.append((*to_row(record), *_rest(record), segment, line))
        if len(self._rows) >= _BATCH:
            self._pack()

    def _pack(self) -> None:
        """Turns rows into columns, a tenth of the memory."""
        columns = zip(*self._rows, strict=True) if self._rows else ((),) * len(_SCHEMA)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
        self._batches.append(pa.record_batch(arrays, schema=_SCHEMA))
        self._rows.clear()

    def take(self) -> Iterator[tuple[date, Any]]:
        """Each UTC day with its table of records, sorted by user, time and identity; then nothing is held."""
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
