"""Token counts from the usage object of any provider; pure, and never adds what is cumulative.

The shapes and traps are listed in `docs/usage.md`, each with its test. A provider's zero is a fact,
an absent key is not: every test is for `None`, never for falsiness.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

import msgspec

from proxy.segments.record import clip

Raw = Mapping[str, Any]

_USD_LIMIT = Decimal("1e9")
_TICK_USD = Decimal("1e-10")
_COUNT_LIMIT = 2**40  # far above any model's
_TOTAL_LIMIT = 2**53


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer used, in tokens. Parts (cached, reasoning, audio) stand inside their whole.

    `cache_write_1h_tokens` is the part of `cache_write_tokens` kept for an hour; `billed` lists the
    iterations that are priced one by one (empty: priced as a whole); `tier` names what changes the price
    of all of them; `reported_cost` is the provider's own price in USD; `raw` is the usage object as it came.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    prompt_audio_tokens: int = 0
    completion_audio_tokens: int = 0
    web_searches: int = 0
    model: str | None = None
    tier: str | None = None
    billed: tuple[Self, ...] = ()
    reported_cost: Decimal | None = None
    raw: dict[str, Any] | None = None


def count(value: object) -> int | None:
    """A token count, or None for anything that is not a whole number from 0 to 2^40."""
    if type(value) is int:
        return value if 0 <= value <= _COUNT_LIMIT else None
    if not isinstance(value, int | Decimal) or isinstance(value, bool) or not 0 <= value <= _COUNT_LIMIT:
        return None
    return int(value) if value == int(value) else None


def first(raw: Raw, *names: str) -> int | None:
    """The first of these keys that holds a count."""
    for name in names:
        value = raw.get(name)
        if type(value) is int and 0 <= value <= _COUNT_LIMIT:  # as nearly always
            return value
        if value is not None and (found := count(value)) is not None:
            return found
    return None


def part(raw: Raw, *names: str) -> Raw:
    """The first of these keys that holds an object, or an empty one."""
    for name in names:
        if isinstance(value := raw.get(name), dict):
            return value
    return {}


def from_openai(raw: Raw) -> TokenUsage | None:
    """Reads OpenAI's shape and its dialects, chat, completions, embeddings and Responses alike.

    None when there is no count in it. Where `total` is more than prompt + completion the gap is thinking
    that is billed as output (Gemini, xAI), and so is reasoning that is more than the completion (xAI without
    a total; Perplexity, where it stands beside the counts that the total is of); where only `total` is given
    (Voyage) it is all input.
    """
    prompt = first(raw, "prompt_tokens", "input_tokens")
    completion = first(raw, "completion_tokens", "output_tokens")
    total = first(raw, "total_tokens")
    if prompt is None:
        if total is None and completion is None:
            return None
        prompt = max((total or 0) - (completion or 0), 0)
    shown = completion or 0
    billed_output = max(shown, (total or 0) - prompt)
    cache_read = written = reasoning = heard = spoken = None
    if details := part(raw, "prompt_tokens_details", "input_tokens_details", "prompt_token_details"):
        cache_read = first(details, "cached_tokens", "cache_read_input_tokens")
        written = first(details, *_WRITTEN)
        heard = first(details, "audio_tokens")
    if details := part(raw, "completion_tokens_details", "output_tokens_details"):
        reasoning = first(details, "reasoning_tokens")
        spoken = first(details, "audio_tokens")
    if cache_read is None:
        cache_read = first(raw, *_CACHED) or 0
    cache_read = min(cache_read, prompt)
    if written is None:
        written = first(raw, "cache_creation_input_tokens") or 0
    beside = total is None or not reasoning
    reasoning = reasoning or first(raw, "reasoning_tokens") or 0
    if reasoning > shown and beside:  # it cannot be a part of what is shown, and no total speaks of it
        billed_output = max(billed_output, shown + reasoning)
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=billed_output,
        cache_read_tokens=cache_read,
        cache_write_tokens=min(written, prompt - cache_read),
        reasoning_tokens=min(max(reasoning, billed_output - shown), billed_output),
        prompt_audio_tokens=min(heard or 0, prompt),
        completion_audio_tokens=min(spoken or 0, billed_output),
        reported_cost=_reported_cost(raw),
        raw=dict(raw),
    )


_CACHED = (
    "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens", "cache_read_input_tokens",
    "cached_prompt_text_tokens",
)  # fmt: skip
_WRITTEN = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")


def _reported_cost(raw: Raw) -> Decimal | None:
    """The provider's own price in USD; with a key of the user's own, OpenRouter's fee and the upstream's.

    xAI tells what it charges, fees of its tools included, in ticks: https://docs.x.ai/developers/cost-tracking
    """
    value = raw.get("cost")
    if value is None and (ticks := first(raw, "cost_in_usd_ticks")) is not None:
        return ticks * _TICK_USD
    cost = _usd(value.get("total_cost") if isinstance(value, dict) else value)
    if raw.get("is_byok") is not True:
        return cost
    upstream = _usd(part(raw, "cost_details").get("upstream_inference_cost"))
    return None if upstream is None else upstream + (cost or 0)


def _usd(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    amount = Decimal(value)
    return amount if amount.is_finite() and 0 <= amount < _USD_LIMIT else None


def overlay(base: Raw | None, update: Raw | None) -> dict[str, Any]:
    """Anthropic's stream: later usage laid over earlier, key by key, nulls left out, nothing added."""
    merged = dict(base or {})
    merged.update({name: value for name, value in (update or {}).items() if value is not None})
    return merged


def from_anthropic(raw: Raw) -> TokenUsage | None:
    """Reads Anthropic's shape, whose `input_tokens` leave out what the cache read and wrote.

    None when there is no count in it. Iterations (compaction, advisor) are billed beside the top-level
    counts, so they are in ours.
    """
    if first(raw, "input_tokens", "output_tokens") is None:
        return None
    top, cost = _anthropic_counts(raw), _reported_cost(raw)
    listed = raw.get("iterations")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    if not items:
        return msgspec.structs.replace(top, reported_cost=cost, raw=dict(raw))
    turns = [_without_searches(_anthropic_counts(item)) for item in items]
    kinds = [item.get("type", "message") for item in items]
    messages = _total([turn for turn, kind in zip(turns, kinds, strict=True) if kind == "message"])
    others = [turn for turn, kind in zip(turns, kinds, strict=True) if kind != "message"]
    shown = _most(_without_searches(top), messages)
    billed = turns if shown is messages else [shown, *others]
    whole = _total([shown, *others])
    if whole.prompt_tokens + whole.completion_tokens > _TOTAL_LIMIT:
        return None
    return msgspec.structs.replace(
        whole,
        billed=tuple(billed),
        web_searches=top.web_searches,
        tier=top.tier,
        reported_cost=cost,
        raw=dict(raw),
    )


def _without_searches(usage: TokenUsage) -> TokenUsage:
    """The same less its searches, which are told and billed once for all turns."""
    return msgspec.structs.replace(usage, web_searches=0) if usage.web_searches else usage


def _anthropic_counts(raw: Raw) -> TokenUsage:
    cache_read = first(raw, "cache_read_input_tokens") or 0
    split = part(raw, "cache_creation")
    hour = first(split, "ephemeral_1h_input_tokens") or 0
    cache_write = first(raw, "cache_creation_input_tokens")
    if cache_write is None:
        cache_write = hour + (first(split, "ephemeral_5m_input_tokens") or 0)
    output = first(raw, "output_tokens") or 0
    thinking = first(part(raw, "output_tokens_details"), "thinking_tokens", "reasoning_tokens") or 0
    model = raw.get("model")
    return TokenUsage(
        prompt_tokens=(first(raw, "input_tokens") or 0) + cache_read + cache_write,
        completion_tokens=output,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=min(hour, cache_write),
        reasoning_tokens=min(thinking, output),
        web_searches=first(part(raw, "server_tool_use"), "web_search_requests") or 0,
        model=clip(model) if isinstance(model, str) else None,
        tier=_anthropic_tier(raw),
    )


_ORDINARY = frozenset({"standard", "global", "not_available"})


def _anthropic_tier(raw: Raw) -> str | None:
    """What changes the price of all tokens: the service tier, where the model computed, its speed."""
    told = [raw.get(name) for name in ("service_tier", "inference_geo", "speed")]
    return " ".join(name for name in told if isinstance(name, str) and name not in _ORDINARY) or None


_SUMMED = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)


def _total(usages: list[TokenUsage]) -> TokenUsage:
    return TokenUsage(**{name: sum(getattr(usage, name) for usage in usages) for name in _SUMMED})


def _most(top: TokenUsage, messages: TokenUsage) -> TokenUsage:
    """The top-level counts, or the sum of the listed turns where that tells more of the input."""
    return (
        messages
        if messages.prompt_tokens + messages.completion_tokens >= (top.prompt_tokens + top.completion_tokens)
        else top
    )
