"""A record as the span that Langfuse keeps of it: pure, and the same on every run, so that it is sent once.

The attributes are those that a server of version 4 reads (docs/langfuse.md); of what a span holds, its trace,
its id and its start decide whether Langfuse takes it for another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

import msgspec

from etl.content.reading import Captured
from proxy.segments.record import UsageRecord, money_text

SPAN_NAME: Final = "relay-request"
"""Of every span that Relay sends: how its own are told from others of the same project."""
UNPRICED_TAG: Final = "unpriced"
"""On requests whose cost is not known, because Langfuse may put a price of its own on them."""
_NOTHING: Final = "null"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_OBSERVATION: Final = "langfuse.observation."
_METADATA: Final = "langfuse.observation.metadata."
# What APIs call the settings of a generation; where the request's body was captured they stand in it.
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
    """Arrival in whole milliseconds since 1970, cut: what Langfuse keeps of a start."""
    return (created_at - _EPOCH) // _MILLISECOND


def moment(milliseconds: int) -> datetime:
    """The moment that `started_ms` stands for, in UTC."""
    return _EPOCH + milliseconds * _MILLISECOND


def ids(request_id: str) -> tuple[str, str]:
    """The trace's and the span's id, as `Langfuse.create_trace_id` makes them from a seed; in hex."""
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    return digest[:32], digest[:16]


def _iso(milliseconds: int) -> str:
    return moment(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(key: str, value: str) -> Attribute:
    return {"key": key, "value": {"stringValue": value}}


def _plain(value: str) -> str:
    """A text that the server does not take for JSON: `17` would come back as a number."""
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value
    return f"'{value}'"


def usage_details(record: UsageRecord) -> str:
    """Token counts by class, disjoint, because Langfuse adds up all that have `input` in their name."""
    cached, written = record.cache_read_tokens, record.cache_write_tokens
    return (
        f'{{"input":{record.prompt_tokens - cached - written},"input_cached_tokens":{cached},'
        f'"input_cache_creation":{written},"output":{record.completion_tokens},"total":{record.total_tokens}}}'
    )


def cost_details(cost_usd: Decimal) -> str:
    """The cost in USD, to its last digit."""
    return f'{{"total":{money_text(cost_usd)}}}'


def _parameters(record: UsageRecord, content: Captured | None) -> str:
    found: dict[str, Any] = {"stream": record.stream}
    if content and content.input.startswith("{"):
        try:
            body = msgspec.json.decode(content.input, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            body = {}
        found |= {name: value for name, value in body.items() if name in _PARAMETERS}
    return msgspec.json.encode(found).decode()


def _metadata(record: UsageRecord) -> Iterator[Attribute]:
    yield _text(f"{_METADATA}request_id", _plain(record.request_id))
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
            yield _text(_METADATA + name, _plain(value))


def _tags(record: UsageRecord) -> Attribute:
    names = [record.team_id] if record.team_id else []
    if record.cost_usd is None:
        names.append(UNPRICED_TAG)
    values = [{"stringValue": name} for name in names]
    return {"key": "langfuse.trace.tags", "value": {"arrayValue": {"values": values}}}


def _attributes(
    record: UsageRecord, start: int, content: Captured | None, environment: str
) -> Iterator[Attribute]:
    yield _text(f"{_OBSERVATION}type", "generation")
    if environment != "default":  # what it is without
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
    if content and content.input != _NOTHING:
        yield _text(f"{_OBSERVATION}input", content.input)
    if content and content.output != _NOTHING:
        yield _text(f"{_OBSERVATION}output", content.output)
    yield from _metadata(record)


def _whole(milliseconds: Decimal) -> int:
    return int(milliseconds.to_integral_value(ROUND_FLOOR))


def to_span(record: UsageRecord, start: int, content: Captured | None, environment: str) -> Span:
    """The span of a request; `start` is the start that the ledger has for it, in milliseconds since 1970."""
    trace_id, span_id = ids(record.request_id)
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "name": SPAN_NAME,
        "kind": 3,  # a client's, OTLP's SPAN_KIND_CLIENT
        "startTimeUnixNano": f"{start}000000",
        "endTimeUnixNano": f"{start + _whole(record.latency_ms)}000000",
        "attributes": list(_attributes(record, start, content, environment)),
    }


def resource_spans(spans: Iterable[Span], public_key: str) -> list[dict[str, Any]]:
    """The body of a request: by its scope the server knows that it may read the attributes."""
    scope = {"name": "langfuse-sdk-relay", "attributes": [_text("public_key", public_key)]}
    resource = {"attributes": [_text("service.name", "relay")]}
    return [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": list(spans)}]}]
