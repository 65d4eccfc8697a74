"""The token counts of one answer, and what the readers of usage objects share; pure.

`usage_openai` and `usage_anthropic` read the usage objects of the two APIs and their dialects. The shapes and
traps are listed in `docs/usage.md`, each with its test. A provider's zero is a count, an absent key is not:
every check is for `None`, never for falsiness. Cumulative counts are never added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, Self

import msgspec

Raw = Mapping[str, Any]

_USD_LIMIT: Final = Decimal("1e9")
_TICK_USD: Final = Decimal("1e-10")
_COUNT_LIMIT: Final = 2**40  # far above any model's


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one answer. Cached, reasoning and audio tokens are subsets of their totals.

    `cache_write_1h_tokens` is the part of `cache_write_tokens` with a TTL of one hour; `billed` lists the
    iterations that are priced one by one (empty: priced as a whole); `tier` names what changes the price
    of all tokens; `reported_cost` is the provider's own price in USD; `raw` is the usage object as received.
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


def first_count(raw: Raw, names: Iterable[str]) -> int | None:
    """The first of these fields that holds a count."""
    for name in names:
        value = raw.get(name)
        if type(value) is int and 0 <= value <= _COUNT_LIMIT:  # the usual case
            return value
        if value is not None and (found := count(value)) is not None:
            return found
    return None


def first_object(raw: Raw, names: Iterable[str]) -> Raw:
    """The first of these fields that holds an object, or an empty one."""
    for name in names:
        if isinstance(value := raw.get(name), dict):
            return value
    return {}


def reported_cost(raw: Raw) -> Decimal | None:
    """The provider's own price in USD; with a key of the user's own, OpenRouter's fee and the upstream's.

    xAI reports its charge, tool fees included, in ticks: https://docs.x.ai/developers/cost-tracking
    """
    value = raw.get("cost")
    if value is None and (ticks := first_count(raw, ("cost_in_usd_ticks",))) is not None:
        return ticks * _TICK_USD
    cost = _usd(value.get("total_cost") if isinstance(value, dict) else value)
    if raw.get("is_byok") is not True:
        return cost
    upstream = _usd(first_object(raw, ("cost_details",)).get("upstream_inference_cost"))
    return None if upstream is None else upstream + (cost or 0)


def _usd(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    amount = Decimal(value)
    return amount if amount.is_finite() and 0 <= amount < _USD_LIMIT else None
