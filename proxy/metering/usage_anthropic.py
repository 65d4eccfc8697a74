"""Reads the usage objects of Anthropic's API, whose `input_tokens` exclude cache reads and writes; pure."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from proxy.metering.usage import Raw, TokenUsage, first_count, first_object, reported_cost
from proxy.segments.record import clip

INPUT: Final = ("input_tokens",)
OUTPUT: Final = ("output_tokens",)
CACHE_READ: Final = ("cache_read_input_tokens",)
CACHE_WRITE: Final = ("cache_creation_input_tokens",)
OUTPUT_DETAILS: Final = ("output_tokens_details",)
DETAIL_THINKING: Final = ("thinking_tokens", "reasoning_tokens")
TIERS: Final = ("service_tier", "inference_geo", "speed")

_DEFAULT_TIERS: Final = frozenset({"standard", "global", "not_available"})
_TOTAL_LIMIT: Final = 2**53
_SUMMABLE: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)


def merge_usage(base: Raw | None, update: Raw | None) -> dict[str, Any]:
    """Merges a stream's later usage over its earlier one, key by key; nulls are ignored, nothing is added."""
    merged = dict(base or {})
    merged.update({name: value for name, value in (update or {}).items() if value is not None})
    return merged


def reports_output(raw: Raw) -> bool:
    """Whether a usage object counts the output."""
    return first_count(raw, OUTPUT) is not None


def from_anthropic(raw: Raw) -> TokenUsage | None:
    """Reads a usage object; None when it holds no count.

    Iterations (compaction, advisor) are billed beside the top-level counts, so they are added to ours.
    """
    if first_count(raw, (*INPUT, *OUTPUT)) is None:
        return None
    top, cost = _counts(raw), reported_cost(raw)
    listed = raw.get("iterations")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    if not items:
        return replace(top, reported_cost=cost, raw=dict(raw))
    iterations = [_without_searches(_counts(item)) for item in items]
    kinds = [item.get("type", "message") for item in items]
    messages = _sum([one for one, kind in zip(iterations, kinds, strict=True) if kind == "message"])
    others = [one for one, kind in zip(iterations, kinds, strict=True) if kind != "message"]
    main = _larger(_without_searches(top), messages)
    billed = iterations if main is messages else [main, *others]
    whole = _sum([main, *others])
    if whole.prompt_tokens + whole.completion_tokens > _TOTAL_LIMIT:
        return None
    return replace(
        whole,
        billed=tuple(billed),
        web_searches=top.web_searches,
        tier=top.tier,
        reported_cost=cost,
        raw=dict(raw),
    )


def _without_searches(usage: TokenUsage) -> TokenUsage:
    """The same without its searches, which are reported and billed once for all iterations."""
    return replace(usage, web_searches=0) if usage.web_searches else usage


def _counts(raw: Raw) -> TokenUsage:
    """The counts of a usage object or of one of its iterations."""
    cache_read = first_count(raw, CACHE_READ) or 0
    by_ttl = first_object(raw, ("cache_creation",))
    hour = first_count(by_ttl, ("ephemeral_1h_input_tokens",)) or 0
    cache_write = first_count(raw, CACHE_WRITE)
    if cache_write is None:
        cache_write = hour + (first_count(by_ttl, ("ephemeral_5m_input_tokens",)) or 0)
    output = first_count(raw, OUTPUT) or 0
    thinking = first_count(first_object(raw, OUTPUT_DETAILS), DETAIL_THINKING) or 0
    model = raw.get("model")
    return TokenUsage(
        prompt_tokens=(first_count(raw, INPUT) or 0) + cache_read + cache_write,
        completion_tokens=output,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=min(hour, cache_write),
        reasoning_tokens=min(thinking, output),
        web_searches=first_count(first_object(raw, ("server_tool_use",)), ("web_search_requests",)) or 0,
        model=clip(model) if isinstance(model, str) else None,
        tier=_tier(raw),
    )


def _tier(raw: Raw) -> str | None:
    """What changes the price of all tokens: the service tier, the region of inference, the speed."""
    values = [raw.get(name) for name in TIERS]
    return " ".join(name for name in values if isinstance(name, str) and name not in _DEFAULT_TIERS) or None


def _sum(usages: list[TokenUsage]) -> TokenUsage:
    return TokenUsage(**{name: sum(getattr(usage, name) for usage in usages) for name in _SUMMABLE})


def _larger(top: TokenUsage, messages: TokenUsage) -> TokenUsage:
    """The top-level counts, or the sum of the message iterations where that is at least as large."""
    top_total = top.prompt_tokens + top.completion_tokens
    return messages if messages.prompt_tokens + messages.completion_tokens >= top_total else top
