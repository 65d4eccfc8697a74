"""Builds the record of a request that has ended: its token counts, their source, and their cost; pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from proxy.metering.answer import AnswerReader
from proxy.metering.prices import FREE, UNKNOWN, Price, PriceTable
from proxy.metering.usage import TokenUsage
from proxy.metering.usage_openai import reports_completion, reports_prompt
from proxy.request.call import FREE as FREE_ROUTES
from proxy.request.context import Request
from proxy.segments.record import Fault, UsageRecord

# Of English text, by the providers' own rule of thumb; used only where a provider sends no count.
BYTES_PER_TOKEN: Final = 4


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a request ended: its status and fault, and whether the provider may bill it.

    `cached`: served from another request's answer.
    """

    status: int
    fault: Fault | None = None
    billable: bool = False
    cached: bool = False
    limit_type: str | None = None


def measure(request: Request, answer: AnswerReader | None, outcome: Outcome) -> tuple[TokenUsage | None, str]:
    """The tokens of a request and their source: `provider`, `estimated`, `cache` or `none`."""
    if outcome.cached:
        return None, "cache"
    if answer is None or not outcome.billable or request.call is None or not request.call.metered:
        return None, "none"
    usage = answer.usage
    if usage is not None and answer.usage_is_final and _is_whole(usage, answer):
        return usage, "provider"
    unanswered = answer.fault or answer.pending or not answer.finished
    if usage is None and answer.text_bytes == 0 and unanswered:
        return None, "none"
    return _estimated(request, answer, usage), "estimated"


def _is_whole(usage: TokenUsage, answer: AnswerReader) -> bool:
    """Whether the provider counted both the input and the output."""
    if usage.prompt_tokens and usage.completion_tokens:
        return True
    raw = usage.raw or {}
    if not usage.prompt_tokens and not reports_prompt(raw):
        return False
    if usage.completion_tokens or answer.text_bytes == 0:  # an embedding has none and need not count it
        return True
    # A zero counts once the answer has ended; some streams begin with one.
    return reports_completion(raw) and answer.finished


def _estimated(request: Request, answer: AnswerReader, known: TokenUsage | None) -> TokenUsage:
    """Estimates the side that is not known, at four bytes per token."""
    known = known or TokenUsage()
    output = -(-answer.text_bytes // BYTES_PER_TOKEN)
    prompt = known.prompt_tokens
    if not prompt and request.call:
        prompt = -(-request.call.prompt_bytes() // BYTES_PER_TOKEN)
    return msgspec.structs.replace(
        known, prompt_tokens=prompt, completion_tokens=max(output, known.completion_tokens)
    )


def _price(
    request: Request,
    answer: AnswerReader | None,
    outcome: Outcome,
    usage: TokenUsage | None,
    prices: PriceTable,
) -> Price:
    if not outcome.billable or request.endpoint in FREE_ROUTES:
        return FREE
    if usage is None or answer is None or request.upstream is None:
        return UNKNOWN
    models: Sequence[str] = [name for name in (answer.model, request.resolved_model) if name]
    tier = usage.tier or answer.service_tier
    return prices.price(usage, upstream=request.upstream, models=models, at=request.created_at, tier=tier)


def make_record(
    request: Request, answer: AnswerReader | None, outcome: Outcome, prices: PriceTable, latency_ms: Decimal
) -> UsageRecord:
    """The record of a request that has ended."""
    usage, source = measure(request, answer, outcome)
    price = _price(request, answer, outcome, usage, prices)
    counts = usage or TokenUsage()
    call = request.call
    return UsageRecord(
        request_id=request.request_id,
        created_at=request.created_at,
        user_id=request.key.user,
        team_id=request.key.team,
        key_id=request.key.id,
        model=(call.model if call else None) or "",
        upstream_model=answer.model if answer else None,
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
        error=outcome.fault or (answer.fault if answer else None),
        provider_request_id=request.provider_request_id,
        attempts=tuple(request.attempts),
    )
