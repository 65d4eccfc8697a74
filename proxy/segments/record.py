"""What one request used: the frozen value, the JSON line it becomes, and the rules a line must keep.

A record is a fact: it is written once and never edited. Text stands at the border (`to_line`,
`from_line`), types inside: money is `Decimal` in USD, time is aware UTC, durations are milliseconds.
The fields and their meaning are the public contract, `docs/records.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Any, Final

import msgspec

VERSION: Final = 1
MAX_LINE_BYTES: Final = 524_288
"""A longer line is refused by every reader, so that one line never fills the memory of a loader."""

MONEY_PLACES: Final = Decimal("1e-12")
MONEY_LIMIT: Final = Decimal("1e12")
_MOST_LEVELS: Final = 32
_TIME_PLACES: Final = Decimal("1e-6")
TIME_LIMIT_MS: Final = Decimal("1e11")

Text = Annotated[str, msgspec.Meta(max_length=512)]
Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class RecordError(ValueError):
    """This line is not a record."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream that was tried: its name, its HTTP status (null: no answer) and how long it took."""

    provider: Text
    status: int | None
    latency_ms: Decimal


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed: a stable type, and one sentence without prompt text or secret."""

    type: Text
    message: Annotated[str, msgspec.Meta(max_length=2000)]


def is_error(status: int, error: Fault | None) -> bool:
    """Whether reports count a request as an error; a provider can fail inside an answer of status 200."""
    return status >= 400 or error is not None


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what it used. Raises `ValueError` when made with values that contradict each other."""

    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    created_at: datetime
    user_id: Text
    team_id: Text
    key_id: Text = ""
    model: Text
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
    latency_ms: Decimal = Decimal(0)
    ttft_ms: Decimal | None = None
    cache_hit: bool = False
    limit_type: Text | None = None
    pii_entities: dict[str, int] = {}
    error: Fault | None = None
    provider_request_id: Text | None = None
    attempts: tuple[Attempt, ...] = ()
    unit_prices: dict[str, str] | None = None

    def __post_init__(self) -> None:
        _check_time(self.created_at)
        if self.total_tokens != self.prompt_tokens + self.completion_tokens:
            raise ValueError("total_tokens is not prompt_tokens + completion_tokens")
        if self.cache_read_tokens + self.cache_write_tokens > self.prompt_tokens:
            raise ValueError("cache_read_tokens + cache_write_tokens are more than prompt_tokens")
        if self.reasoning_tokens > self.completion_tokens:
            raise ValueError("reasoning_tokens are more than completion_tokens")
        if self.cost_usd is not None:
            _check_money(self.cost_usd)
        _check_duration("latency_ms", self.latency_ms)
        if self.ttft_ms is not None:
            _check_duration("ttft_ms", self.ttft_ms)

    @property
    def is_error(self) -> bool:
        """Whether reports count it as an error."""
        return is_error(self.status, self.error)


class RequestLine(UsageRecord, frozen=True, kw_only=True, tag_field="event", tag="request"):
    """A record as it stands in a segment: with the format's version and its line number."""

    v: Annotated[int, msgspec.Meta(ge=1)]
    seq: Annotated[int, msgspec.Meta(ge=1)]


def _check_time(value: datetime) -> None:
    if value.tzinfo is None:
        raise ValueError("created_at has no time zone")
    if value.tzinfo is UTC:
        return
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError("created_at is outside the years 1 to 9999 in UTC") from None


def _check_money(value: Decimal) -> None:
    if not value.is_finite() or not 0 <= value < MONEY_LIMIT:
        raise ValueError("cost_usd is not between 0 and 10^12 USD")
    if value != value.quantize(MONEY_PLACES):
        raise ValueError("cost_usd has more than 12 fractional digits")


def _check_duration(name: str, value: Decimal) -> None:
    if not value.is_finite() or not 0 <= value < TIME_LIMIT_MS:
        raise ValueError(f"{name} is not between 0 and 10^11 milliseconds")


def clip(text: str) -> str:
    """Somebody else's text as a record can hold it: UTF-8, without NUL, at most 512 characters."""
    if len(text) <= 512 and text.isascii() and "\0" not in text:
        return text
    return text[:512].replace("\0", "").encode("utf-8", "replace").decode()


def exact(text: str) -> Decimal:
    """A JSON number without loss. Raises `ValueError` for an exponent that no Decimal can hold."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number has an exponent out of range") from None


def _kept(text: str) -> Decimal | str:
    """A number within `usage`, which nobody counts with: one that no Decimal can hold stays a text."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def as_money(amount: Decimal) -> Decimal:
    """Rounds half-even to the 12 fractional digits of USD that a record holds; never gives -0."""
    return amount.quantize(MONEY_PLACES, rounding=ROUND_HALF_EVEN) + 0


def as_milliseconds(value: Decimal) -> Decimal:
    """Rounds half-up to the six fractional digits that every store holds."""
    return value.quantize(_TIME_PLACES, rounding=ROUND_HALF_UP)


def elapsed_ms(nanoseconds: int) -> Decimal:
    """A monotonic duration in milliseconds, exact to the microsecond."""
    return Decimal(nanoseconds // 1000).scaleb(-3)


def money_text(amount: Decimal) -> str:
    """Plain digits without exponent or trailing zeros: `0.0000075`, `12`, `0`."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`: `2026-11-01T09:30:00.000000Z`."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    text: str = msgspec.to_builtins(utc)  # thirty times as fast as `isoformat`, but leaves out a zero
    return text if utc.microsecond else f"{text[:-1]}.000000Z"


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(RequestLine, float_hook=_kept)
_FIELDS: Final = UsageRecord.__struct_fields__
_CREATED_AT, _COST_USD, _USAGE = (_FIELDS.index(name) for name in ("created_at", "cost_usd", "usage"))
# A line as it is written: money and time are texts in it.
_Written = msgspec.defstruct("_Written", ["v", "event", "seq", *_FIELDS])


def to_line(record: UsageRecord, seq: int) -> bytes:
    """The record as one JSON line ended by a newline; `seq` is its line number, from 1.

    A `usage` object that would make the line unreadable is left out: the bill needs the counts beside it.
    """
    values = list(msgspec.structs.astuple(record)[: len(_FIELDS)])
    values[_CREATED_AT] = time_text(record.created_at)
    if record.cost_usd is not None:
        values[_COST_USD] = money_text(record.cost_usd)
    try:
        line = encode_line(_Written(VERSION, "request", seq, *values))
    except (UnicodeEncodeError, RecursionError):
        line = b""
    deep = line.count(b"[") + line.count(b"{") > _MOST_LEVELS and not _is_shallow(record.usage, _MOST_LEVELS)
    if not line or len(line) > MAX_LINE_BYTES or deep:
        values[_USAGE] = None
        line = encode_line(_Written(VERSION, "request", seq, *values))
    return line


def _is_shallow(value: object, levels: int) -> bool:
    """Whether nothing in it is nested deeper: how deep a reader can go depends on where it stands itself."""
    if not isinstance(value, dict | list):
        return True
    inside = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inside)


def encode_line(body: object) -> bytes:
    """Any JSON value as one line; exact decimals stay exact numbers."""
    return _encoder.encode(body) + b"\n"


def from_line(line: bytes) -> RequestLine:
    """Reads a line of event `request`, with or without its newline.

    Raises `RecordError` with one sentence that says what is wrong.
    """
    if len(line) > MAX_LINE_BYTES:
        raise RecordError(f"the line has {len(line)} bytes, more than {MAX_LINE_BYTES}")
    try:
        record = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(str(error)) from error
    except RecursionError as error:
        raise RecordError("the line is nested too deeply") from error
    if rb"\u0000" in line and any("\0" in text for text in _texts(record)):
        raise RecordError("a text holds a NUL character, which PostgreSQL cannot store")
    return record


def _texts(record: UsageRecord) -> list[str]:
    values = [getattr(record, name) for name in record.__struct_fields__]
    values += [record.error.type] if record.error else []
    return [value for value in values if isinstance(value, str)]
