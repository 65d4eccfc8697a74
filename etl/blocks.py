"""Reads many lines of a segment at once, as long as they are what the proxy writes every day.

What is only a little unusual is left to `etl.lines`, which reads a line by itself and says what is wrong
with it. So whatever is accepted here is accepted there, with the same meaning: a property test holds both
against each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Annotated, Any, Final

import msgspec

from proxy.record import MONEY_PLACES, Attempt, Fault, Text, Tokens, exact
from proxy.segment import IntentLine

_ZERO: Final = Decimal(0)
_TIME_PLACES: Final = Decimal("1e-6")
# With 12 fractional digits and 24 in all there is no room for 10^12 USD, nor for a 13th fractional digit;
# and so for 10^11 milliseconds with six.
_MONEY: Final = Context(prec=24, traps=[Inexact, InvalidOperation])
_TIME: Final = Context(prec=17, traps=[Inexact, InvalidOperation])

# Three of them together never exceed what etl.lines counts byte by byte.
_Key = Annotated[str, msgspec.Meta(max_length=200)]
_RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class QuickRecord(msgspec.Struct, kw_only=True, tag_field="event", tag="request", gc=False):
    """A record as `UsageRecord` has it, but for its checks: whoever makes one does them."""

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
    usage: dict[str, Any] | None = None
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


class _QuickIntent(IntentLine, frozen=True, kw_only=True, tag_field="event", tag="intent", gc=False):
    seq: _Sequence
    request_id: _RequestId
    user_id: _Key
    team_id: _Key
    model: _Key


class Block(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What many lines held."""

    records: list[QuickRecord]
    intents: list[IntentLine]


_decoder: Final = msgspec.json.Decoder(QuickRecord | _QuickIntent, float_hook=exact)


def read_block(data: bytes, due: int) -> Block | None:
    """A block of whole lines whose numbers go on from `due`; None when they are to be read one by one."""
    if rb"\u0000" in data:
        return None
    records: list[QuickRecord] = []
    intents: list[IntentLine] = []
    try:
        for number, line in enumerate(_decoder.decode_lines(data), due):
            if line.seq != number or line.created_at.tzinfo is not UTC:
                return None
            if type(line) is _QuickIntent:
                intents.append(line)
            elif _is_doubtful(line):
                return None
            else:
                records.append(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DecimalException):
        return None
    return Block(records=records, intents=intents)


def _is_doubtful(line: QuickRecord) -> bool:
    """Whether the record may break a rule of `UsageRecord`, or has more digits than every store holds.

    Raises `DecimalException` for money and durations that do.
    """
    prompt, completion, cost, ttft = line.prompt_tokens, line.completion_tokens, line.cost_usd, line.ttft_ms
    return not (
        line.total_tokens == prompt + completion
        and line.cache_read_tokens + line.cache_write_tokens <= prompt
        and line.reasoning_tokens <= completion
        and (cost is None or cost.quantize(MONEY_PLACES, None, _MONEY) >= _ZERO)
        and line.latency_ms.quantize(_TIME_PLACES, None, _TIME) >= _ZERO
        and (ttft is None or ttft.quantize(_TIME_PLACES, None, _TIME) >= _ZERO)
    )
