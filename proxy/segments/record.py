"""The usage record of one request: its fields, its JSON line, and its constraints.

A record is written once and never edited. In Python, money is `Decimal` in USD, times are aware UTC and
durations are milliseconds; `to_line` and `from_line` convert to and from text. The fields are the public
contract, `docs/records.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Any, Final

import msgspec

VERSION: Final = 1
MAX_LINE_BYTES: Final = 524_288
"""The maximum size of a line; readers reject longer ones."""

MONEY_PLACES: Final = Decimal("1e-12")
MONEY_LIMIT: Final = Decimal("1e12")
_MAX_DEPTH: Final = 32
_TIME_PLACES: Final = Decimal("1e-6")
TIME_LIMIT_MS: Final = Decimal("1e11")

Text = Annotated[str, msgspec.Meta(max_length=512)]
Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class RecordError(ValueError):
    """The line is not a valid record."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: the upstream's name, its HTTP status (null: no answer) and the latency."""

    provider: Text
    status: int | None
    latency_ms: Decimal


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed: a stable type, and one sentence without prompt text or secrets."""

    type: Text
    message: Annotated[str, msgspec.Meta(max_length=2000)]


def is_error(status: int, error: Fault | None) -> bool:
    """Whether reports count a request as an error; a provider can report one with status 200."""
    return status >= 400 or error is not None


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its usage. Raises `ValueError` for contradicting values."""

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
        """Whether reports count the request as an error."""
        return is_error(self.status, self.error)


class RequestLine(UsageRecord, frozen=True, kw_only=True, tag_field="event", tag="request"):
    """A record as a line of a segment, with format version and line number."""

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
    """Makes foreign text fit for a record: UTF-8, without NUL, at most 512 characters."""
    if len(text) <= 512 and text.isascii() and "\0" not in text:
        return text
    return text[:512].replace("\0", "").encode("utf-8", "replace").decode()


def exact(text: str) -> Decimal:
    """Parses a JSON number without loss. Raises `ValueError` for an exponent out of Decimal's range."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number has an exponent out of range") from None


def _exact_or_text(text: str) -> Decimal | str:
    """Parses a number within `usage`; one out of Decimal's range stays text."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def as_money(amount: Decimal) -> Decimal:
    """Rounds half-even to the 12 fractional digits of USD in a record; never -0."""
    return amount.quantize(MONEY_PLACES, rounding=ROUND_HALF_EVEN) + 0


def as_milliseconds(value: Decimal) -> Decimal:
    """Rounds half-up to the six fractional digits that every store keeps."""
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
    text: str = msgspec.to_builtins(utc)  # 30 times as fast as `isoformat`, but omits zero microseconds
    return text if utc.microsecond else f"{text[:-1]}.000000Z"


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(RequestLine, float_hook=_exact_or_text)
_FIELDS: Final = UsageRecord.__struct_fields__
_CREATED_AT, _COST_USD, _USAGE = (_FIELDS.index(name) for name in ("created_at", "cost_usd", "usage"))
# A line to be encoded: money and time are strings.
_EncodedRecord = msgspec.defstruct("_EncodedRecord", ["v", "event", "seq", *_FIELDS])


def to_line(record: UsageRecord, seq: int) -> bytes:
    """Encodes a record as a JSON line with its newline; `seq` is the line number, from 1.

    A `usage` object that would make the line unreadable is omitted; billing needs only the counts.
    """
    values = list(msgspec.structs.astuple(record)[: len(_FIELDS)])
    values[_CREATED_AT] = time_text(record.created_at)
    if record.cost_usd is not None:
        values[_COST_USD] = money_text(record.cost_usd)
    try:
        line = encode_line(_EncodedRecord(VERSION, "request", seq, *values))
    except (UnicodeEncodeError, RecursionError):
        line = b""
    deep = line.count(b"[") + line.count(b"{") > _MAX_DEPTH and not _is_shallow(record.usage, _MAX_DEPTH)
    if not line or len(line) > MAX_LINE_BYTES or deep:
        values[_USAGE] = None
        line = encode_line(_EncodedRecord(VERSION, "request", seq, *values))
    return line


def _is_shallow(value: object, levels: int) -> bool:
    """Whether a value has at most so many levels; deeper JSON fails in readers with a deep stack."""
    if not isinstance(value, dict | list):
        return True
    inside = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inside)


def encode_line(body: object) -> bytes:
    """Encodes a JSON value as a line; decimals stay exact numbers."""
    return _encoder.encode(body) + b"\n"


def from_line(line: bytes) -> RequestLine:
    """Parses a `request` line, with or without its newline. Raises `RecordError` with the reason."""
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
