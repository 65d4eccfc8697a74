"""Reads the usage objects of OpenAI's API and of the providers that speak it; pure.

A new spelling of a count is a name in one of the tables below, and a row in its test.
"""

from __future__ import annotations

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
PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details")
COMPLETION_DETAILS = ("completion_tokens_details", "output_tokens_details")
DETAIL_CACHE_READ = ("cached_tokens", "cache_read_input_tokens")
DETAIL_CACHE_WRITE = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")
DETAIL_REASONING = ("reasoning_tokens",)
DETAIL_AUDIO = ("audio_tokens",)


def has_counts(raw: Raw) -> bool:
    """Whether a usage object of either API holds any count."""
    return reports_prompt(raw) or reports_completion(raw)


def reports_prompt(raw: Raw) -> bool:
    """Whether a usage object of either API counts the input, by itself or within a total."""
    return first_count(raw, (*PROMPT, *TOTAL)) is not None


def reports_completion(raw: Raw) -> bool:
    """Whether a usage object of either API counts the output, by itself or within a total."""
    return first_count(raw, (*COMPLETION, *TOTAL)) is not None


def from_openai(raw: Raw) -> TokenUsage | None:
    """Reads a usage object of chat, completions, embeddings or Responses; None when it holds no count.

    Where the total is more than prompt + completion, the difference is thinking that is billed as output
    (Gemini, xAI). So is reasoning that exceeds the completion (xAI without a total; Perplexity, whose total
    leaves it out). Where only a total is given (Voyage), all of it is input.
    """
    prompt = first_count(raw, PROMPT)
    completion = first_count(raw, COMPLETION)
    total = first_count(raw, TOTAL)
    if prompt is None:
        if total is None and completion is None:
            return None
        prompt = max((total or 0) - (completion or 0), 0)
    visible = completion or 0
    output = max(visible, (total or 0) - prompt)
    cache_read = cache_write = reasoning = prompt_audio = completion_audio = None
    if details := first_object(raw, PROMPT_DETAILS):
        cache_read = first_count(details, DETAIL_CACHE_READ)
        cache_write = first_count(details, DETAIL_CACHE_WRITE)
        prompt_audio = first_count(details, DETAIL_AUDIO)
    if details := first_object(raw, COMPLETION_DETAILS):
        reasoning = first_count(details, DETAIL_REASONING)
        completion_audio = first_count(details, DETAIL_AUDIO)
    if cache_read is None:
        cache_read = first_count(raw, CACHE_READ) or 0
    cache_read = min(cache_read, prompt)
    if cache_write is None:
        cache_write = first_count(raw, CACHE_WRITE) or 0
    outside_total = total is None or not reasoning
    reasoning = reasoning or first_count(raw, REASONING) or 0
    if reasoning > visible and outside_total:  # not a subset of the completion, and in no total
        output = max(output, visible + reasoning)
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=output,
        cache_read_tokens=cache_read,
        cache_write_tokens=min(cache_write, prompt - cache_read),
        reasoning_tokens=min(max(reasoning, output - visible), output),
        prompt_audio_tokens=min(prompt_audio or 0, prompt),
        completion_audio_tokens=min(completion_audio or 0, output),
        reported_cost=reported_cost(raw),
        raw=dict(raw),
    )
