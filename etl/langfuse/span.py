"""Converts a record to a Langfuse span. Pure: the same record gives the same span on every run.

The attributes are those that a server of version 4 reads (docs/langfuse.md). Langfuse identifies a span by
its trace id, its id and its start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

import msgspec

from etl.content.reader import CapturedContent
from proxy.segments.record import UsageRecord, money_text

SPAN_NAME: Final = "relay-request"
"""The name of every span that Relay sends, which distinguishes them from others of the project."""
UNPRICED_TAG: Final = "unpriced"
"""The tag of requests whose cost is unknown, because Langfuse may compute a price for them."""
_NULL: Final = "null"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_OBSERVATION: Final = "langfuse.observation."
_METADATA: Final = "langfuse.observation.metadata."
# The parameters of a generation in the request bodies of the APIs, available when content is captured.
_PARAMETERS: Final = frozenset(
    (
        "temperature",
        "top_p",
        "top_k",
        "n",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "reasoning_effort",
        "service_tier",
    )
)

Attribute = dict[str, Any]
Span = dict[str, Any]


def started_ms(created_at: datetime) -> int:
    """Arrival in whole milliseconds since 1970, truncated: the precision of a start in Langfuse."""
    return (created_at - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """The UTC time of milliseconds since 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


def span_ids(request_id: str) -> tuple[str, str]:
    """Trace id and span id in hex, as `Langfuse.create_trace_id` derives them from a seed."""
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    return digest[:32], digest[:16]


def _iso(milliseconds: int) -> str:
    return from_milliseconds(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(key: str, value: str) -> Attribute:
    return {"key": key, "value": {"stringValue": value}}


def _quote_json(value: str) -> str:
    """The text in quotes if it is valid JSON: the server would decode it, and turn `17` into a number."""
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value
    return f"'{value}'"


def usage_details(record: UsageRecord) -> str:
    """Token counts by class, disjoint because Langfuse adds up all classes with `input` in their name."""
    cached, written = record.cache_read_tokens, record.cache_write_tokens
    return (
        f'{{"input":{record.prompt_tokens - cached - written},"input_cached_tokens":{cached},'
        f'"input_cache_creation":{written},"output":{record.completion_tokens},"total":{record.total_tokens}}}'
    )


def cost_details(cost_usd: Decimal) -> str:
    """The exact cost in USD."""
    return f'{{"total":{money_text(cost_usd)}}}'


def _parameters(record: UsageRecord, content: CapturedContent | None) -> str:
    found: dict[str, Any] = {"stream": record.stream}
    if content and content.input.startswith("{"):
        try:
            body = msgspec.json.decode(content.input, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            body = {}
        found |= {name: value for name, value in body.items() if name in _PARAMETERS}
    return msgspec.json.encode(found).decode()


def _metadata(record: UsageRecord) -> Iterator[Attribute]:
    yield _text(f"{_METADATA}request_id", _quote_json(record.request_id))
    yield _text(f"{_METADATA}status", f"HTTP {record.status}")
    for name, value in (
        ("team_id", record.team_id),
        ("key_id", record.key_id),
        ("provider", record.provider),
        ("upstream_model", record.upstream_model),
        ("usage_source", None if record.usage_source == "provider" else record.usage_source),
        ("price_source", record.price_source),
        ("limit_type", record.limit_type),
    ):
        if value:
            yield _text(_METADATA + name, _quote_json(value))


def _tags(record: UsageRecord) -> Attribute:
    names = [record.team_id] if record.team_id else []
    if record.cost_usd is None:
        names.append(UNPRICED_TAG)
    values = [{"stringValue": name} for name in names]
    return {"key": "langfuse.trace.tags", "value": {"arrayValue": {"values": values}}}


def _attributes(
    record: UsageRecord, start: int, content: CapturedContent | None, environment: str
) -> Iterator[Attribute]:
    yield _text(f"{_OBSERVATION}type", "generation")
    if environment != "default":  # the server's default
        yield _text("langfuse.environment", environment)
    yield _text("langfuse.trace.name", record.endpoint or SPAN_NAME)
    yield _text("user.id", record.user_id)
    yield _tags(record)
    yield _text(f"{_OBSERVATION}model.name", record.model)
    yield _text(f"{_OBSERVATION}model.parameters", _parameters(record, content))
    yield _text(f"{_OBSERVATION}usage_details", usage_details(record))
    if record.cost_usd is not None:
        yield _text(f"{_OBSERVATION}cost_details", cost_details(record.cost_usd))
    if record.ttft_ms is not None:
        yield _text(f"{_OBSERVATION}completion_start_time", _iso(start + _whole(record.ttft_ms)))
    if record.is_error:
        yield _text(f"{_OBSERVATION}level", "ERROR")
        reason = record.error.type if record.error else f"HTTP {record.status}"
        yield _text(f"{_OBSERVATION}status_message", reason)
    if content and content.input != _NULL:
        yield _text(f"{_OBSERVATION}input", content.input)
    if content and content.output != _NULL:
        yield _text(f"{_OBSERVATION}output", content.output)
    yield from _metadata(record)


def _whole(milliseconds: Decimal) -> int:
    return int(milliseconds.to_integral_value(ROUND_FLOOR))


def to_span(record: UsageRecord, start: int, content: CapturedContent | None, environment: str) -> Span:
    """The span of a request; `start` is its start in the ledger, in milliseconds since 1970."""
    trace_id, span_id = span_ids(record.request_id)
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "name": SPAN_NAME,
        "kind": 3,  # SPAN_KIND_CLIENT in OTLP
        "startTimeUnixNano": f"{start}000000",
        "endTimeUnixNano": f"{start + _whole(record.latency_ms)}000000",
        "attributes": list(_attributes(record, start, content, environment)),
    }


def resource_spans(spans: Iterable[Span], public_key: str) -> list[dict[str, Any]]:
    """The `resourceSpans` of an OTLP request; the server reads the attributes because of the scope's name."""
    scope = {"name": "langfuse-sdk-relay", "attributes": [_text("public_key", public_key)]}
    resource = {"attributes": [_text("service.name", "relay")]}
    return [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": list(spans)}]}]
