"""Reads many lines of a segment at once, as long as they have the usual form.

A line of any other form is left to `etl.segments.lines`, which reads one line and says what is wrong with it.
What is accepted here is accepted there, with the same meaning: a property test compares the two.
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
# Every sum of amounts in range fits; whatever does not has too many digits.
_EXACT: Final = Context(prec=60, traps=[Inexact, Rounded])
_DIGITS_TO_ZEROS: Final = bytes.maketrans(b"0123456789", b"0" * 10)
# Longer lines could hold a number with more digits than Python reads, in a place that is passed over here.
_LONGEST: Final = 4000

# Three of them together never exceed what etl.segments.lines counts byte by byte.
_Key = Annotated[str, msgspec.Meta(max_length=200)]
_RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class _Object(msgspec.Struct, gc=False):
    """An object that is only passed over."""


class _Attempt(msgspec.Struct, gc=False):
    provider: Text
    status: int | None
    # What is no more than zero as a float may be what no Decimal can hold.
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
    usage: _Object | None = None


class _QuickIntent(IntentLine, frozen=True, kw_only=True, tag_field="event", tag="intent", gc=False):
    seq: _Sequence
    request_id: _RequestId
    user_id: _Key
    team_id: _Key
    model: _Key


class Block(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What many lines held: records, their costs (None: not known) and latencies, the sum of the costs.

    Latencies are texts of plain digits.
    """

    records: list[QuickRecord]
    intents: list[IntentLine]
    costs: list[Decimal | None]
    latencies: list[str]
    cost_usd: Decimal


_decoder: Final = msgspec.json.Decoder(QuickRecord | _QuickIntent)


def read_block(data: bytes, due: int) -> Block | None:
    """A block of whole lines whose numbers go on from `due`; None when they are to be read one by one."""
    # Looking for one byte first: it is many times as fast, and most blocks do not have it.
    if b"\\" in data and rb"\u0000" in data:
        return None
    try:
        # What is passed over is to be UTF-8 too.
        _ = data.isascii() or data.decode()
        lines = _decoder.decode_lines(data)
        if not _stand_one_by_one(list(BytesIO(data)), len(lines)):
            return None
        records = [line for line in lines if type(line) is QuickRecord]
        latencies = _latencies(records)
        costs, cost_usd = _costs(records)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DecimalException):
        return None
    if not _are_as_due(lines, due) or _contradict_themselves(records):
        return None
    intents: list[IntentLine] = [line for line in lines if type(line) is _QuickIntent]
    return Block(records=records, intents=intents, costs=costs, latencies=latencies, cost_usd=cost_usd)


def _stand_one_by_one(texts: list[bytes], count: int) -> bool:
    """Whether each of so many values has a line of its own, and none is too long.

    The decoder takes two values in one line, and one value in two. But between a line that ends with a brace
    and one that begins with a brace no value goes on: so as many values as such lines are one in each.
    """
    return (
        len(texts) == count
        and max(map(len, texts)) <= _LONGEST
        and {text[:1] for text in texts} == {b"{"}
        and {text[-2:] for text in texts} == {b"}\n"}
    )


def _costs(records: list[QuickRecord]) -> tuple[list[Decimal | None], Decimal]:
    texts = [one.cost_usd for one in records]
    known = [text for text in texts if text is not None]
    _check_plain(",".join(known).encode(), whole=12, fraction=12)
    amounts = list(map(Decimal, known))
    with localcontext(_EXACT):
        total = sum(amounts, _ZERO)
    if len(known) == len(texts):
        return [*amounts], total
    each = iter(amounts)
    return [None if text is None else next(each) for text in texts], total


def _latencies(records: list[QuickRecord]) -> list[str]:
    latencies = b",".join([one.latency_ms for one in records])
    to_first = b",".join([one.ttft_ms for one in records])
    _check_plain(latencies + b"," + to_first.replace(b"null", b""), whole=11, fraction=6)
    return latencies.decode().split(",") if records else []


def _check_plain(texts: bytes, *, whole: int, fraction: int) -> None:
    """Raises `InvalidOperation` unless they are plain digits, and not too many before or after the point."""
    shape = texts.translate(_DIGITS_TO_ZEROS)
    if shape.translate(None, b"0.,") or b"0" * (whole + 1) in shape or b"." + b"0" * (fraction + 1) in shape:
        raise InvalidOperation


def _are_as_due(lines: Sequence[QuickRecord | _QuickIntent], due: int) -> bool:
    numbers = [line.seq for line in lines]
    in_utc = [line.created_at.tzinfo is UTC for line in lines]
    return numbers == list(range(due, due + len(lines))) and all(in_utc)


def _contradict_themselves(records: list[QuickRecord]) -> bool:
    """Whether the counts of any record do, as `UsageRecord` has it."""
    # Lists, because they are faster than generators.
    contradictions = [
        one.total_tokens != one.prompt_tokens + one.completion_tokens
        or one.cache_read_tokens + one.cache_write_tokens > one.prompt_tokens
        or one.reasoning_tokens > one.completion_tokens
        for one in records
    ]
    return any(contradictions)
