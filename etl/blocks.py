"""Reads many lines of a segment at once, as long as they are what the proxy writes every day.

What is only a little unusual is left to `etl.lines`, which reads a line by itself and says what is wrong
with it. So whatever is accepted here is accepted there, with the same meaning: a property test holds both
against each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Rounded, localcontext
from typing import Annotated, Any, Final

import msgspec

from proxy.record import MAX_LINE_BYTES, MONEY_LIMIT, TIME_LIMIT_MS, Attempt, Fault, Text, Tokens, exact
from proxy.segment import IntentLine

_ZERO: Final = Decimal(0)
# Every sum of amounts in range fits; whatever does not is out of range or has too many digits.
_EXACT: Final = Context(prec=60, traps=[Inexact, Rounded, InvalidOperation])

# Three of them together never exceed what etl.lines counts byte by byte.
_Key = Annotated[str, msgspec.Meta(max_length=200)]
_RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class QuickRecord(msgspec.Struct, kw_only=True, tag_field="event", tag="request", gc=False):
    """A record as `UsageRecord` has it, but for its checks: whoever makes one does them.

    What is stored stands together, in the order of the COPY statements, so that it becomes a row at once.
    """

    v: Annotated[int, msgspec.Meta(ge=1)]
    seq: _Sequence
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
    cost_usd: Decimal | None = None
    price_source: Text | None = None
    latency_ms: Decimal = _ZERO
    ttft_ms: Decimal | None = None
    cache_hit: bool = False
    limit_type: Text | None = None
    pii_entities: dict[str, int] = {}
    error: Fault | None = None
    provider_request_id: Text | None = None
    attempts: tuple[Attempt, ...] = ()
    unit_prices: dict[str, str] | None = None
    usage: dict[str, Any] | None = None


class _QuickIntent(IntentLine, frozen=True, kw_only=True, tag_field="event", tag="intent", gc=False):
    seq: _Sequence
    request_id: _RequestId
    user_id: _Key
    team_id: _Key
    model: _Key


class Block(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What many lines held, and the sum of the known costs."""

    records: list[QuickRecord]
    intents: list[IntentLine]
    cost_usd: Decimal


_decoder: Final = msgspec.json.Decoder(QuickRecord | _QuickIntent, float_hook=exact)


def read_block(data: bytes, due: int) -> Block | None:
    """A block of whole lines whose numbers go on from `due`; None when they are to be read one by one."""
    if len(data) > MAX_LINE_BYTES:
        # One of them may be longer than a line may be.
        return None
    # Looking for one byte first: it is many times as fast, and most blocks do not have it.
    if b"\\" in data and rb"\u0000" in data:
        return None
    texts = data.split(b"\n")
    if not texts[-1]:
        texts.pop()
    try:
        # Not decode_lines(): it takes two values in one line, and one value in two lines.
        lines = list(map(_decoder.decode, texts))
        records = [line for line in lines if type(line) is QuickRecord]
        with localcontext(_EXACT):
            cost_usd = _checked_sum([one.cost_usd for one in records], MONEY_LIMIT, digits=12)
            _checked_sum([one.latency_ms for one in records], TIME_LIMIT_MS, digits=6)
            _checked_sum([one.ttft_ms for one in records], TIME_LIMIT_MS, digits=6)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DecimalException):
        return None
    if not _are_as_due(lines, due) or _contradict_themselves(records):
        return None
    intents: list[IntentLine] = [line for line in lines if type(line) is _QuickIntent]
    return Block(records=records, intents=intents, cost_usd=cost_usd)


def _are_as_due(lines: list[QuickRecord | _QuickIntent], due: int) -> bool:
    numbers = [line.seq for line in lines]
    in_utc = [line.created_at.tzinfo is UTC for line in lines]
    return numbers == list(range(due, due + len(lines))) and all(in_utc)


def _checked_sum(values: list[Decimal | None], limit: Decimal, *, digits: int) -> Decimal:
    """The exact sum of what is known; raises `DecimalException` unless each is in range and has few digits.

    The sum tells enough of all: none that is not negative exceeds it, and it has as many fractional digits as
    the summand that has most.
    """
    known = [value for value in values if value is not None]
    total = sum(known, _ZERO)
    if known and (min(known) < _ZERO or total >= limit):
        raise InvalidOperation
    # A sum that is not finite has a letter for an exponent; comparing it has raised above.
    if int(total.as_tuple().exponent) < -digits:
        raise InvalidOperation
    return total


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
