"""The span parser of the stand-in Langfuse: strict by OTLP's schema, then by known attributes."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from google.protobuf import json_format  # type: ignore[import-untyped] # its stubs are not worth a package
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_ENVIRONMENT: Final = re.compile(r"(?!langfuse)[a-z0-9_-]{1,40}")
_OWN_PRICE: Final = Decimal("0.000001")


class BadSpanError(Exception):
    """The server refuses the whole request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A row for a stored span; a span that was sent twice has two rows."""

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    name: str
    type: str
    user_id: str | None
    tags: tuple[str, ...]
    model: str
    environment: str
    level: str
    usage: dict[str, int]
    cost: Decimal
    priced: bool
    attributes: dict[str, Any]
    metadata: dict[str, Any]
    stored_at: float = field(default_factory=time.monotonic)

    @property
    def input_tokens(self) -> int:
        """The sum over all kinds of input tokens."""
        return sum(count for kind, count in self.usage.items() if "input" in kind)

    @property
    def output_tokens(self) -> int:
        """The sum over all kinds of output tokens."""
        return sum(count for kind, count in self.usage.items() if "output" in kind)


def checked(body: Any) -> None:
    """Raises `BadSpanError` unless it is exactly an OTLP request."""
    text = json.loads(json.dumps(body))
    try:
        for span in _spans(text):
            for name, length in (("traceId", 32), ("spanId", 16)):
                if not re.fullmatch(rf"[0-9a-f]{{{length}}}", span[name]):
                    raise BadSpanError(f"{name} is not {length} lower-case hex digits")
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
            if not isinstance(span["startTimeUnixNano"], str) or not isinstance(span["endTimeUnixNano"], str):
                raise BadSpanError("a time is not a text")
        json_format.ParseDict(text, ExportTraceServiceRequest())
    except (json_format.ParseError, KeyError, TypeError) as error:
        raise BadSpanError(str(error)) from error


def _spans(body: Any) -> list[dict[str, Any]]:
    return [
        span
        for resource in body["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def read_spans(body: Any, public_key: str) -> list[Stored]:
    """The rows of a request. Raises `BadSpanError`: one invalid span refuses all of them."""
    found = []
    for resource in body["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            about = scope["scope"]
            if not about["name"].startswith("langfuse-sdk"):
                raise BadSpanError("every attribute would land in the metadata")
            if _values(about["attributes"]).get("public_key") != public_key:
                raise BadSpanError("the scope has another public key than the request")
            found += [_stored(span) for span in scope["spans"]]
    return found


def _values(attributes: list[Any]) -> dict[str, Any]:
    return {one["key"]: _value(one["value"]) for one in attributes}


def _value(value: dict[str, Any]) -> Any:
    if "arrayValue" in value:
        return tuple(_value(one) for one in value["arrayValue"]["values"])
    return value.get("stringValue")


def _stored(span: dict[str, Any]) -> Stored:
    given = _values(span["attributes"])
    if given.get("user.id") == "poison":
        raise BadSpanError(f"span {span['spanId']} of user poison")
    if "parentSpanId" in span:
        raise BadSpanError("a span whose parent never comes is shown nowhere")
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    if start % 1_000_000 or end < start:
        raise BadSpanError("times are not whole milliseconds, or in the wrong order")
    observation = "langfuse.observation."
    usage = json.loads(given[f"{observation}usage_details"])
    costs = json.loads(
        given.get(f"{observation}cost_details", "null"), parse_float=Decimal, parse_int=Decimal
    )
    environment = given.get("langfuse.environment", "default")
    return Stored(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        start_ns=start,
        end_ns=end,
        name=span["name"],
        type=given.get(f"{observation}type", "span").upper(),
        user_id=given.get("user.id"),
        tags=tuple(given.get("langfuse.trace.tags", ())),
        model=given.get(f"{observation}model.name", ""),
        environment=environment if _ENVIRONMENT.fullmatch(environment) else "default",
        level=given.get(f"{observation}level", "DEFAULT"),
        usage=usage,
        # If Relay sends no cost, Langfuse computes one.
        cost=costs["total"] if costs else usage["total"] * _OWN_PRICE,
        priced=bool(costs),
        attributes=given,
        metadata=_metadata(given, f"{observation}metadata."),
    )


def _metadata(given: dict[str, Any], prefix: str) -> dict[str, Any]:
    found = {}
    for key, value in given.items():
        if key.startswith(prefix):
            try:
                found[key.removeprefix(prefix)] = json.loads(value, parse_constant=_no_json)
            except ValueError:
                found[key.removeprefix(prefix)] = value
    return found


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON, although Python's decoder accepts it")
