"""Fast path: decodes many lines of a segment at once when all have the usual form.

Blocks with any other line go to `etl.segments.lines`, which reads single lines and reports what is wrong.
Every line accepted here is accepted there with the same meaning; a property test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Rounded, localcontext
from io import BytesIO
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec.structs import astuple

from etl.records.columns import ARCHIVE_ONLY, COLUMNS, field_types
from proxy.segments.lines import IntentLine
from proxy.segments.record import Fault, Text, UsageRecord

_ZERO: Final = Decimal(0)
# Every sum of valid amounts fits exactly; an amount with too many digits raises an error.
_EXACT_SUM: Final = Context(prec=60, traps=[Inexact, Rounded])
_DIGITS_TO_ZEROS: Final = bytes.maketrans(b"0123456789", b"0" * 10)
# A longer line could hold a number with more digits than Python parses, in a field that is skipped here.
_MAX_LINE_BYTES: Final = 4000

# Three keys of this length stay below the size limit that etl.segments.lines checks byte by byte.
_Key = Annotated[str, msgspec.Meta(max_length=200)]
_Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class _SkippedObject(msgspec.Struct, gc=False):
    """An object that is checked but not decoded."""


class _Attempt(msgspec.Struct, gc=False):
    provider: Text
    status: int | None
    # A value that rounds to zero as a float may be one that Decimal cannot hold.
    latency_ms: Annotated[float, msgspec.Meta(gt=0)]


_Field = tuple[str, Any] | tuple[str, Any, Any]
# Fields with a narrower or faster type than in UsageRecord; amounts stay texts of plain digits.
_TYPES: Final[dict[str, Any]] = {
    "user_id": _Key,
    "team_id": _Key,
    "model": _Key,
    "cost_usd": str | None,
    "latency_ms": msgspec.Raw,
    "ttft_ms": msgspec.Raw,
    "attempts": list[_Attempt],
    "usage": _SkippedObject | None,
}
_DEFAULTS: Final[dict[str, Any]] = {
    "latency_ms": msgspec.Raw(b"0"),
    "ttft_ms": msgspec.Raw(b"null"),
    "attempts": [],
}
_annotations: Final = field_types()
_fields: Final = {one.name: one for one in msgspec.structs.fields(UsageRecord)}


def _quick_field(name: str) -> _Field:
    """The field of `QuickRecord` for a field of `UsageRecord`."""
    annotation, given = _TYPES.get(name, _annotations[name]), _fields[name]
    if name in _DEFAULTS:
        return name, annotation, _DEFAULTS[name]
    if given.default_factory is not msgspec.NODEFAULT:
        return name, annotation, msgspec.field(default_factory=given.default_factory)
    return (name, annotation) if given.required else (name, annotation, given.default)


if TYPE_CHECKING:

    class QuickRecord(msgspec.Struct):
        """A record as `UsageRecord` has it, without its checks: the reader of the block does them.

        Amounts are the texts of the line. The columns of `etl.records.columns` are its first fields, in their
        order, so that its beginning is a row. Here are the fields that code refers to; all are made below.
        """

        request_id: str
        created_at: datetime
        user_id: str
        team_id: str
        model: str
        status: int
        prompt_tokens: int
        completion_tokens: int
        total_tokens: int
        cache_read_tokens: int
        cache_write_tokens: int
        reasoning_tokens: int
        usage_source: str
        cost_usd: str | None
        latency_ms: msgspec.Raw
        ttft_ms: msgspec.Raw
        cache_hit: bool
        error: Fault | None
        seq: int

else:
    QuickRecord = msgspec.defstruct(
        "QuickRecord",
        [
            *map(_quick_field, (column.field for column in COLUMNS)),
            *map(_quick_field, ARCHIVE_ONLY),
            ("v", Annotated[int, msgspec.Meta(ge=1)]),
            ("seq", _Sequence),
        ],
        kw_only=True,
        tag_field="event",
        tag="request",
        gc=False,
        module=__name__,
    )


class _QuickIntent(IntentLine, frozen=True, kw_only=True, tag_field="event", tag="intent", gc=False):
    seq: _Sequence
    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    user_id: _Key
    team_id: _Key
    model: _Key


class Block(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The records and intents of consecutive lines.

    `costs` (USD, None: unknown) and `latencies` (milliseconds, as texts of plain digits) belong to the
    records in their order; `cost_usd` is the sum of the known costs.
    """

    records: list[QuickRecord]
    intents: list[IntentLine]
    costs: list[Decimal | None]
    latencies: list[str]
    cost_usd: Decimal

    def rows(self) -> list[tuple[object, ...]]:
        """The rows of `usage_records`, as `etl.records.rows.to_row` makes them, with amounts as texts."""
        rows = [astuple(record)[:_WIDTH] for record in self.records]
        for number, record in enumerate(self.records):
            if record.error is not None:
                rows[number] = (*rows[number][:_ERROR], record.error.type, *rows[number][_ERROR + 1 :])
        return rows


_WIDTH: Final = len(COLUMNS)
_ERROR: Final = [column.field for column in COLUMNS].index("error")
_decoder: Final = msgspec.json.Decoder(QuickRecord | _QuickIntent)


def read_block(data: bytes, first_seq: int) -> Block | None:
    """Decodes whole lines that are numbered from `first_seq`; None when they must be read one by one."""
    # Searching a single byte first is many times as fast, and most blocks do not contain it.
    if b"\\" in data and rb"\u0000" in data:
        return None
    try:
        # Skipped fields must be UTF-8 too.
        _ = data.isascii() or data.decode()
        lines = _decoder.decode_lines(data)
        if not _is_one_value_per_line(list(BytesIO(data)), len(lines)):
            return None
        records = [line for line in lines if type(line) is QuickRecord]
        latencies = _latencies(records)
        costs, cost_usd = _costs(records)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DecimalException):
        return None
    if not _are_numbered_from(first_seq, lines) or not _are_in_utc(lines) or _have_wrong_totals(records):
        return None
    intents: list[IntentLine] = [line for line in lines if type(line) is _QuickIntent]
    return Block(records=records, intents=intents, costs=costs, latencies=latencies, cost_usd=cost_usd)


def _is_one_value_per_line(texts: list[bytes], count: int) -> bool:
    """Whether each of `count` values has its own line, and no line is too long.

    The decoder accepts two values on one line, and one value spread over two. No value continues from a line
    that ends with a brace to one that begins with a brace, so equal numbers of values and of such lines mean
    one value per line.
    """
    return (
        len(texts) == count
        and max(map(len, texts)) <= _MAX_LINE_BYTES
        and {text[:1] for text in texts} == {b"{"}
        and {text[-2:] for text in texts} == {b"}\n"}
    )


def _costs(records: list[QuickRecord]) -> tuple[list[Decimal | None], Decimal]:
    texts = [one.cost_usd for one in records]
    known = [text for text in texts if text is not None]
    _check_plain(",".join(known).encode(), whole=12, fraction=12)
    amounts = list(map(Decimal, known))
    with localcontext(_EXACT_SUM):
        total = sum(amounts, _ZERO)
    if len(known) == len(texts):
        return [*amounts], total
    remaining = iter(amounts)
    return [None if text is None else next(remaining) for text in texts], total


def _latencies(records: list[QuickRecord]) -> list[str]:
    latencies = b",".join([one.latency_ms for one in records])
    ttfts = b",".join([one.ttft_ms for one in records])
    _check_plain(latencies + b"," + ttfts.replace(b"null", b""), whole=11, fraction=6)
    return latencies.decode().split(",") if records else []


def _check_plain(texts: bytes, *, whole: int, fraction: int) -> None:
    """Raises `InvalidOperation` unless all are plain digits, not too many before and after the point."""
    shape = texts.translate(_DIGITS_TO_ZEROS)
    if shape.translate(None, b"0.,") or b"0" * (whole + 1) in shape or b"." + b"0" * (fraction + 1) in shape:
        raise InvalidOperation


# The checks below build lists because those are faster than generators.


def _are_numbered_from(first_seq: int, lines: Sequence[QuickRecord | _QuickIntent]) -> bool:
    return [line.seq for line in lines] == list(range(first_seq, first_seq + len(lines)))


def _are_in_utc(lines: Sequence[QuickRecord | _QuickIntent]) -> bool:
    in_utc = [line.created_at.tzinfo is UTC for line in lines]
    return all(in_utc)


def _have_wrong_totals(records: list[QuickRecord]) -> bool:
    """Whether the token counts of any record contradict each other, by the rules of `UsageRecord`."""
    contradictions = [
        one.total_tokens != one.prompt_tokens + one.completion_tokens
        or one.cache_read_tokens + one.cache_write_tokens > one.prompt_tokens
        or one.reasoning_tokens > one.completion_tokens
        for one in records
    ]
    return any(contradictions)
