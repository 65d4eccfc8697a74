"""What a request may use before anybody knows: its prompt by size, its answer by what it allows; pure.

The estimate is high on purpose, because what was not used is given back: calls that run at the same time
must not use more than the limit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from proxy.config.quota import to_pico_usd
from proxy.config.upstreams import Upstream
from proxy.limits.rules import MAX_TOKENS, Demand
from proxy.metering.prices import PriceTable
from proxy.metering.usage import TokenUsage
from proxy.request.call import Call

# English takes four bytes a token, JSON and most other languages about three.
_BYTES_PER_TOKEN: Final = 3
# Every message costs a few tokens beside its text, and so does the answer's beginning.
_TOKENS_PER_MESSAGE: Final = 4
_SCHEMAS: Final = ("tools", "functions", "response_format")
_NUMBERED: Final = ("prompt", "input")  # where a prompt may come as token numbers
_ALLOWED: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_CHOICES: Final = frozenset({"n", "best_of", "prompt"})  # what asks for several answers
_MAX_CHOICES: Final = 1_000
_NOTHING: Final = Demand()


def estimated_usage(call: Call, default_max_tokens: int) -> TokenUsage:
    """The most that a request is likely to use, in tokens; nothing where nothing is generated."""
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
    for name in _NUMBERED:
        if name in body:
            prompt += _token_ids(body[name])
    answer = 0 if call.endpoint == "/v1/embeddings" else _answer_tokens(body, default_max_tokens)
    prompt = min(prompt, MAX_TOKENS)
    return TokenUsage(prompt_tokens=prompt, completion_tokens=min(answer, MAX_TOKENS - prompt))


def _answer_tokens(body: Mapping[str, Any], default_max_tokens: int) -> int:
    """What the answer may take, with all the choices that are asked for."""
    # A provider may know another name than the next.
    named = [whole for name in _ALLOWED if name in body and (whole := _whole(body[name])) is not None]
    tokens = max(named) if named else default_max_tokens
    return tokens * _answers(body) if not _CHOICES.isdisjoint(body) else tokens


def _answers(body: Mapping[str, Any]) -> int:
    """How many answers are asked for."""
    choices = max(_whole(body.get("n")) or 1, _whole(body.get("best_of")) or 1)
    prompts = body.get("prompt")
    batch = len(prompts) if isinstance(prompts, list) and not _ids(prompts) else 1
    return min(choices, _MAX_CHOICES) * max(batch, 1)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _ids(value: object) -> list[int]:
    """A prompt that comes as token numbers."""
    return value if isinstance(value, list) and value and isinstance(value[0], int) else []


def _token_ids(given: object) -> int:
    """How many token numbers there are in a prompt, in one list or in many."""
    lists = given if isinstance(given, list) and not _ids(given) else [given]
    return sum([len(_ids(one)) for one in lists])


def demand(
    call: Call,
    upstream: Upstream,
    *,
    model: str | None,
    at: datetime,
    default_max_tokens: int,
    prices: PriceTable | None,
) -> Demand:
    """What to reserve for a request; money only when `prices` are given, that is when money is limited.

    Where no price is known the least amount stands for it, so that a budget that is spent refuses it too.
    """
    usage = estimated_usage(call, default_max_tokens)
    tokens = usage.prompt_tokens + usage.completion_tokens
    if tokens == 0:
        return _NOTHING
    if prices is None:
        return Demand(tokens=tokens)
    tier = (call.body or {}).get("service_tier")
    names = (model,) if model else ()
    asked = tier if isinstance(tier, str) else None
    cost_usd = prices.cost(usage, upstream=upstream, models=names, at=at, tier=asked)
    return Demand(tokens=tokens, pico_usd=1 if cost_usd is None else to_pico_usd(cost_usd))


def used(tokens: int, cost_usd: Decimal | None) -> Demand:
    """What a record says that its request used; a cost that nobody knows cannot be charged."""
    return Demand(tokens=min(tokens, MAX_TOKENS), pico_usd=to_pico_usd(cost_usd))
