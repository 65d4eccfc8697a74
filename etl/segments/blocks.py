"""Fast path: decodes many lines of a segment at once when all have the usual form.

Blocks with any other line go to `etl.segments.lines`, which reads single lines and reports what is wrong.
Every line accepted here is accepted there with the same meaning; a property test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Rounded, localcontext
from io import BytesIO
from typing import Annotated, Final

import msgspec

from proxy.segments.lines import IntentLine
from proxy.segments.record import Fault, Text, Tokens

_ZERO: Final = Decimal(0)
# Every sum of valid amounts fits exactly; an amount with too many digits raises an error.
_EXACT_SUM: Final = Context(prec=60, traps=[Inexact, Rounded])
_DIGITS_TO_ZEROS: Final = bytes.maketrans(b"0123456789", b"0" * 10)
# A longer line could hold a number with more digits than Python parses, in a field that is skipped here.
_MAX_LINE_BYTES: Final = 4000

# Three keys of this length stay below the size limit that etl.segments.lines checks byte by byte.
_Key = Annotated[str, msgspec.Meta(max_length=200)]
_RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class _SkippedObject(msgspec.Struct, gc=False):
    """An object that is checked but not decoded."""


class _Attempt(msgspec.Struct, gc=False):
    provider: Text
    status: int | None
    # A value that rounds to zero as a float may be one that Decimal cannot hold.
    latency_ms: Annotated[float, msgspec.Meta(gt=0)]


class QuickRecord(msgspec.Struct, kw_only=True, tag_field="event", tag="request", gc=False):
    """A record as `UsageRecord` has it, but for its checks: whoever makes one does them.

    What is stored stands first, in the order of the COPY statements, so that it becomes a row at once. Its
    amounts are texts of plain digits.
    """

    request_id: _RequestId
    created_at: datetime
    user_id: _Key
    team_id: _Key
    key_id: Text = ""
    model: _Key
    upstream_model: Text | None = None
    provider: Text = ""
    endpoint: Text = ""
    stream: bool = False
    status: Annotated[int, msgspec.Meta(ge=100, le=599)]
    prompt_tokens: Tokens
    completion_tokens: Tokens
    total_tokens: Tokens
    cache_read_tokens: Tokens = 0
    cache_write_tokens: Tokens = 0
    reasoning_tokens: Tokens = 0
    usage_source: Text = "provider"
    cost_usd: str | None = None
    price_source: Text | None = None
    latency_ms: msgspec.Raw = msgspec.Raw(b"0")
    ttft_ms: msgspec.Raw = msgspec.Raw(b"null")
    cache_hit: bool = False
    limit_type: Text | None = None
    error: Fault | None = None
    v: Annotated[int, msgspec.Meta(ge=1)]
    seq: _Sequence
    pii_entities: dict[str, int] = {}
    provider_request_id: Text | None = None
    attempts: list[_Attempt] = []
    unit_prices: dict[str, str] | None = None
    usage: _SkippedObject | None = None


class _QuickIntent(IntentLine, frozen=True, kw_only=True, tag_field="event", tag="intent", gc=False):
    seq: _Sequence
    request_id: _RequestId
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
