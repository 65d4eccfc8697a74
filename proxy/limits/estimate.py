"""Estimates what a request will use: the prompt by its size, the answer by its token limit; pure.

The estimate is high on purpose: concurrent requests must not exceed a limit together, and what was not used
is refunded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from proxy.config.quota import to_pico_usd
from proxy.config.upstreams import Upstream
from proxy.limits.rules import MAX_TOKENS, Charge
from proxy.metering.prices import PriceTable
from proxy.metering.usage import TokenUsage
from proxy.request.call import Call

# English has four bytes per token, JSON and most other languages about three.
_BYTES_PER_TOKEN: Final = 3
# Overhead of every message, and of the beginning of the answer.
_TOKENS_PER_MESSAGE: Final = 4
_SCHEMAS: Final = ("tools", "functions", "response_format")
_MAY_BE_TOKEN_IDS: Final = ("prompt", "input")  # may be token ids instead of text
_TOKEN_LIMITS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_CHOICES: Final = frozenset({"n", "best_of", "prompt"})  # fields that request several answers
_MAX_CHOICES: Final = 1_000
_NO_CHARGE: Final = Charge()


def estimated_usage(call: Call, default_max_tokens: int) -> TokenUsage:
    """Return the most tokens that a request is likely to use; zero for routes that generate nothing."""
    if not call.metered or call.body is None:
        return TokenUsage()
    body = call.body
    size = call.prompt_bytes()
    for name in _SCHEMAS:
        if tool := body.get(name):
            size += len(msgspec.json.encode(tool))
    messages = body.get("messages") or body.get("input")
    count = len(messages) if isinstance(messages, list) else 1
    prompt = -(-size // _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE * (count + 1)
    for name in _MAY_BE_TOKEN_IDS:
        if name in body:
            prompt += _count_ids(body[name])
    answer = 0 if call.endpoint == "/v1/embeddings" else _answer_tokens(body, default_max_tokens)
    prompt = min(prompt, MAX_TOKENS)
    return TokenUsage(prompt_tokens=prompt, completion_tokens=min(answer, MAX_TOKENS - prompt))


def _answer_tokens(body: Mapping[str, Any], default_max_tokens: int) -> int:
    """Return the token limit of the answer, multiplied by the number of answers."""
    # Providers use different names for the limit; the highest one counts.
    limits = [limit for name in _TOKEN_LIMITS if name in body and (limit := _count(body[name])) is not None]
    tokens = max(limits) if limits else default_max_tokens
    return tokens * _answers(body) if not _CHOICES.isdisjoint(body) else tokens


def _answers(body: Mapping[str, Any]) -> int:
    """Return the number of requested answers."""
    choices = max(_count(body.get("n")) or 1, _count(body.get("best_of")) or 1)
    prompts = body.get("prompt")
    batch = len(prompts) if isinstance(prompts, list) and not _ids(prompts) else 1
    return min(choices, _MAX_CHOICES) * max(batch, 1)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _ids(value: object) -> list[int]:
    """Return a prompt of token ids; an empty list for any other."""
    return value if isinstance(value, list) and value and isinstance(value[0], int) else []


def _count_ids(prompt: object) -> int:
    """Return the number of token ids in a prompt, which is one list or a list of lists."""
    lists = prompt if isinstance(prompt, list) and not _ids(prompt) else [prompt]
    return sum([len(_ids(one)) for one in lists])


def estimated_charge(
    call: Call,
    upstream: Upstream,
    *,
    model: str | None,
    at: datetime,
    default_max_tokens: int,
    prices: PriceTable | None,
) -> Charge:
    """Return what to reserve for a request; money only if `prices` are given, that is if money is limited.

    A request without a known price is charged the least amount, so that an exhausted quota refuses it too.
    """
    usage = estimated_usage(call, default_max_tokens)
    tokens = usage.prompt_tokens + usage.completion_tokens
    if tokens == 0:
        return _NO_CHARGE
    if prices is None:
        return Charge(tokens=tokens)
    tier = (call.body or {}).get("service_tier")
    names = (model,) if model else ()
    service_tier = tier if isinstance(tier, str) else None
    cost_usd = prices.cost(usage, upstream=upstream, models=names, at=at, tier=service_tier)
    return Charge(tokens=tokens, pico_usd=1 if cost_usd is None else to_pico_usd(cost_usd))


def recorded_charge(tokens: int, cost_usd: Decimal | None) -> Charge:
    """Return what a record says that its request used; an unknown cost is not charged."""
    return Charge(tokens=min(tokens, MAX_TOKENS), pico_usd=to_pico_usd(cost_usd))
