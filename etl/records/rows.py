"""A record as the row of `usage_records` that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import astuple

from etl.segments.blocks import Block, QuickRecord
from proxy.segments.record import UsageRecord, as_milliseconds, as_money


def to_row(record: UsageRecord) -> tuple[object, ...]:
    """The values in the order of the COPY statements; money and durations rounded as every store does."""
    return (
        record.request_id,
        record.created_at,
        record.user_id,
        record.team_id,
        record.key_id,
        record.model,
        record.upstream_model,
        record.provider,
        record.endpoint,
        record.stream,
        record.status,
        record.prompt_tokens,
        record.completion_tokens,
        record.total_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.reasoning_tokens,
        record.usage_source,
        # A cost such as 0E-200000 is a valid zero with more digits than PostgreSQL takes.
        None if record.cost_usd is None else as_money(record.cost_usd),
        record.price_source,
        as_milliseconds(record.latency_ms),
        None if record.ttft_ms is None else as_milliseconds(record.ttft_ms),
        record.cache_hit,
        record.limit_type,
        record.error.type if record.error else None,
    )


_WIDTH: Final = QuickRecord.__struct_fields__.index("error") + 1


def block_rows(block: Block) -> list[tuple[object, ...]]:
    """The rows of a block's records, as `to_row` makes them, but for amounts that stay the texts they are."""
    rows = [astuple(record)[:_WIDTH] for record in block.records]
    for number, record in enumerate(block.records):
        if record.error is not None:
            rows[number] = (*rows[number][:-1], record.error.type)
    return rows


_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_decoder: Final = msgspec.json.Decoder(list, float_hook=str)


def to_csv(rows: Sequence[object]) -> bytes:
    """Rows, each a sequence or a struct that JSON holds as an array, in the CSV of our COPY statements.

    That is `NULL 'null', ESCAPE '\\'`: so a JSON array without its brackets is a row, and JSON is made fast.
    """
    if not rows:
        return b""
    data = _encoder.encode_lines(rows)
    if b"\\" in data:
        return b"".join(map(_escaped, rows))
    # No JSON text holds a newline, so these are the ends of rows and nothing else; replace() takes longer.
    return b"\n".join(data[1:-2].split(b"]\n[")) + b"\n"


def _escaped(row: object) -> bytes:
    """One row with texts that JSON escapes in another way than CSV does."""
    return ",".join(map(_field, _decoder.decode(_encoder.encode(row)))).encode() + b"\n"


def _field(value: object) -> str:
    if value is None:
        return "null"
    if not isinstance(value, str):
        return str(value)
    text = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
