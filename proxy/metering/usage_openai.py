"""Reads the usage objects of OpenAI's API and of the providers that speak it; pure.

A new spelling of a count is a name in one of the tables below, and a row in its test.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from proxy.metering.usage import Raw, TokenUsage, first_count, first_object, reported_cost

# Fields of the usage object, in order of preference.
PROMPT = ("prompt_tokens", "input_tokens")
COMPLETION = ("completion_tokens", "output_tokens")
TOTAL = ("total_tokens",)
CACHE_READ = (
    "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens", "cache_read_input_tokens",
    "cached_prompt_text_tokens",
)  # fmt: skip
CACHE_WRITE = ("cache_creation_input_tokens",)
REASONING = ("reasoning_tokens",)

# Objects inside it, and their fields, which are preferred to those above.
PROMPT_DETAILS = (
    "prompt_tokens_details", "input_tokens_details", "prompt_token_details", "input_token_details",
)  # fmt: skip
COMPLETION_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
DETAIL_CACHE_READ = ("cached_tokens", "cache_read_input_tokens")
DETAIL_CACHE_WRITE = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")
DETAIL_REASONING = ("reasoning_tokens",)
DETAIL_AUDIO = ("audio_tokens",)
DETAIL_IMAGE = ("image_tokens",)
DETAIL_TOOL_USE = ("tool_use_prompt_tokens", "tool_use_tokens")
DETAIL_CACHE_TTL = ("cache_creation_token_details", "cache_creation")
RARE_DETAILS = (*DETAIL_AUDIO, *DETAIL_IMAGE, *DETAIL_CACHE_TTL)
PROMPT_SECONDS = ("prompt_audio_seconds",)


def has_counts(raw: Raw) -> bool:
    """Whether a usage object of either API holds any count."""
    return reports_prompt(raw) or reports_completion(raw)


def reports_prompt(raw: Raw) -> bool:
    """Whether a usage object of either API counts the input, by itself or within a total."""
    return _reports(raw, PROMPT)


def reports_completion(raw: Raw) -> bool:
    """Whether a usage object of either API counts the output, by itself or within a total."""
    return _reports(raw, COMPLETION)


def _reports(raw: Raw, names: tuple[str, ...]) -> bool:
    """Whether one of these fields holds a count, or the total does and none of them a negative number."""
    if first_count(raw, names) is not None:
        return True
    return first_count(raw, TOTAL) is not None and not _is_negative(raw, names)


def from_openai(raw: Raw) -> TokenUsage | None:
    """Reads a usage object of OpenAI's API; None when it holds no count.

    Where only a total is given (Voyage), all of it is input. A total above prompt + completion holds cached
    tokens or input that the prompt does not count, else thinking that is billed as output. So is reasoning
    that exceeds the completion (xAI without a total; Perplexity, whose total leaves it out).
    """
    prompt = first_count(raw, PROMPT)
    completion = first_count(raw, COMPLETION)
    total = first_count(raw, TOTAL)
    if (prompt is None or completion is None) and _is_negative(raw, (*PROMPT, *COMPLETION)):
        total = None  # a negative number beside it does not become a count by subtraction
    if prompt is None:
        if total is None and completion is None:
            return None
        prompt = max((total or 0) - (completion or 0), 0)
    visible = completion or 0
    input_details = first_object(raw, PROMPT_DETAILS)
    output_details = first_object(raw, COMPLETION_DETAILS)
    cache_read = _detail(input_details, DETAIL_CACHE_READ, raw, CACHE_READ)
    cache_write = _detail(input_details, DETAIL_CACHE_WRITE, raw, CACHE_WRITE)
    gap = max((total or 0) - prompt - visible, 0)
    if cache_read or cache_write:
        cached_beside = _cached_beside(prompt, cache_read, cache_write, gap)
        prompt += cached_beside
        gap -= min(gap, cached_beside)
    if gap and _is_input(raw, input_details, gap):
        prompt, gap = prompt + gap, 0
    reasoning = first_count(output_details, DETAIL_REASONING)
    outside_total = total is None or not reasoning
    reasoning = reasoning or first_count(raw, REASONING) or 0
    output = visible + gap
    if reasoning > visible and outside_total:  # not a subset of the completion, and in no total
        output = max(output, visible + reasoning)
    cache_read = min(cache_read, prompt)
    cache_write = min(cache_write, prompt - cache_read)
    usage = TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=output,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        reasoning_tokens=min(max(reasoning, gap), output),
        reported_cost=reported_cost(raw),
        raw=dict(raw),
    )
    rare = any(map(input_details.get, RARE_DETAILS)) or any(map(output_details.get, RARE_DETAILS))
    return _with_rare_details(usage, input_details, output_details) if rare else usage


def _with_rare_details(usage: TokenUsage, input_details: Raw, output_details: Raw) -> TokenUsage:
    """Adds what most answers have none of: audio, images, and cache writes with a TTL of one hour."""
    by_ttl = first_object(input_details, DETAIL_CACHE_TTL)
    prompt, output = usage.prompt_tokens, usage.completion_tokens
    hour = first_count(by_ttl, ("ephemeral_1h_input_tokens",)) or 0
    return msgspec.structs.replace(
        usage,
        cache_write_1h_tokens=min(hour, usage.cache_write_tokens),
        prompt_audio_tokens=min(first_count(input_details, DETAIL_AUDIO) or 0, prompt),
        completion_audio_tokens=min(first_count(output_details, DETAIL_AUDIO) or 0, output),
        prompt_image_tokens=min(first_count(input_details, DETAIL_IMAGE) or 0, prompt),
        completion_image_tokens=min(first_count(output_details, DETAIL_IMAGE) or 0, output),
    )


def _detail(details: Raw, names: tuple[str, ...], raw: Raw, fallbacks: tuple[str, ...]) -> int:
    """A count of the details, else of the usage object itself; 0 where neither has it."""
    found = first_count(details, names)
    return (first_count(raw, fallbacks) or 0) if found is None else found


def _cached_beside(prompt: int, cache_read: int, cache_write: int, gap: int) -> int:
    """The cached tokens that a gateway reports beside the prompt instead of in it (Claude behind Bedrock).

    They are beside it where they exceed it, or where the total exceeds prompt + completion by exactly them.
    """
    cached = cache_read + cache_write
    if cached > prompt:
        return cached
    return next((count for count in (cached, cache_read, cache_write) if count and count == gap), 0)


def _is_input(raw: Raw, details: Raw, gap: int) -> bool:
    """Whether the tokens between total and prompt + completion are input, such as audio that Mistral bills.

    Otherwise they are thinking that is billed as output (Gemini, xAI).
    """
    if first_count(raw, PROMPT_SECONDS):
        return True
    return any(first_count(details, names) == gap for names in (DETAIL_AUDIO, DETAIL_IMAGE, DETAIL_TOOL_USE))


def _is_negative(raw: Raw, names: tuple[str, ...]) -> bool:
    """Whether one of these fields holds a negative number, which is not a count."""
    found = (raw.get(name) for name in names)
    return any(isinstance(value, int | Decimal) and value < 0 for value in found)
