"""From an answer to a record: which counts stand, whose they are, and what they cost; pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from proxy.metering.answer import Reading
from proxy.metering.prices import FREE, UNKNOWN, Price, PriceTable
from proxy.metering.usage import TokenUsage, first
from proxy.request.call import FREE as FREE_ROUTES
from proxy.request.context import Request
from proxy.segments.record import Fault, UsageRecord

# What English text takes, by the providers' own rule of thumb; only used where a provider counts nothing.
BYTES_PER_TOKEN: Final = 4


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a request ended: its status and fault, and whether the provider may have worked for it at all.

    `cached`: another request's answer served it.
    """

    status: int
    fault: Fault | None = None
    billable: bool = False
    cached: bool = False
    limit_type: str | None = None


def measure(request: Request, reading: Reading | None, outcome: Outcome) -> tuple[TokenUsage | None, str]:
    """The tokens of a request and where they are from: `provider`, `estimated`, `cache` or `none`."""
    if outcome.cached:
        return None, "cache"
    if reading is None or not outcome.billable or request.call is None or not request.call.metered:
        return None, "none"
    usage = reading.usage
    if usage is not None and reading.usage_is_final and _is_whole(usage, reading):
        return usage, "provider"
    unanswered = reading.fault or reading.pending or not reading.finished
    if usage is None and reading.text_bytes == 0 and unanswered:
        return None, "none"
    return _estimated(request, reading, usage), "estimated"


def _is_whole(usage: TokenUsage, reading: Reading) -> bool:
    """Whether the provider told of both sides: half a count is no count of the other half."""
    if usage.prompt_tokens and usage.completion_tokens:
        return True
    raw = usage.raw or {}
    if not usage.prompt_tokens and first(raw, "prompt_tokens", "input_tokens", "total_tokens") is None:
        return False
    if usage.completion_tokens or reading.text_bytes == 0:  # an embedding has none, and need not tell of it
        return True
    # A zero is a fact once the answer has ended; some streams begin with one.
    told = first(raw, "completion_tokens", "output_tokens", "total_tokens") is not None
    return told and reading.finished


def _estimated(request: Request, reading: Reading, known: TokenUsage | None) -> TokenUsage:
    """The side that is not known, at four bytes a token."""
    known = known or TokenUsage()
    output = -(-reading.text_bytes // BYTES_PER_TOKEN)
    prompt = known.prompt_tokens
    if not prompt and request.call:
        prompt = -(-request.call.prompt_bytes() // BYTES_PER_TOKEN)
    return msgspec.structs.replace(
        known, prompt_tokens=prompt, completion_tokens=max(output, known.completion_tokens)
    )


def _price(
    request: Request, reading: Reading | None, outcome: Outcome, usage: TokenUsage | None, prices: PriceTable
) -> Price:
    if not outcome.billable or request.endpoint in FREE_ROUTES:
        return FREE
    if usage is None or reading is None or request.upstream is None:
        return UNKNOWN
    models: Sequence[str] = [name for name in (reading.model, request.resolved_model) if name]
    tier = usage.tier or reading.service_tier
    return prices.price(usage, upstream=request.upstream, models=models, at=request.created_at, tier=tier)


def make_record(
    request: Request, reading: Reading | None, outcome: Outcome, prices: PriceTable, latency_ms: Decimal
) -> UsageRecord:
    """The record of a request that has ended."""
    usage, source = measure(request, reading, outcome)
    price = _price(request, reading, outcome, usage, prices)
    counts = usage or TokenUsage()
    call = request.call
    return UsageRecord(
        request_id=request.request_id,
        created_at=request.created_at,
        user_id=request.key.user,
        team_id=request.key.team,
        key_id=request.key.id,
        model=(call.model if call else None) or "",
        upstream_model=reading.model if reading else None,
        provider=request.upstream.name if request.upstream else "",
        endpoint=request.endpoint,
        stream=request.streamed or bool(call and call.stream),
        status=outcome.status,
        prompt_tokens=counts.prompt_tokens,
        completion_tokens=counts.completion_tokens,
        total_tokens=counts.prompt_tokens + counts.completion_tokens,
        cache_read_tokens=counts.cache_read_tokens,
        cache_write_tokens=counts.cache_write_tokens,
        reasoning_tokens=counts.reasoning_tokens,
        usage=counts.raw,
        usage_source=source,
        cost_usd=price.cost_usd,
        price_source=price.source,
        unit_prices=price.unit_prices,
        latency_ms=latency_ms,
        ttft_ms=request.ttft_ms,
        cache_hit=outcome.cached,
        limit_type=outcome.limit_type,
        pii_entities=request.pii_entities,
        error=outcome.fault or (reading.fault if reading else None),
        provider_request_id=request.provider_request_id,
        attempts=tuple(request.attempts),
    )
