"""Measures: what a group of requests used, as exact sums; averages are made here, for every source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from typing import Final, Self

_MILLISECOND_PLACES: Final = Decimal("0.001")
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP, traps=[Inexact])


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum to the last digit; Python's own context would round it to 28 digits."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """Sums over a group of requests; `cost_usd` is None when no request of the group has a known price.

    `estimated_cost_usd` is the part of `cost_usd` whose tokens were estimated; `latency_ms` is the sum.
    """

    requests: int
    errors: int
    cache_hits: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: Decimal | None
    unpriced_requests: int
    estimated_requests: int
    estimated_cost_usd: Decimal
    latency_ms: Decimal

    @property
    def avg_latency_ms(self) -> Decimal | None:
        """Rounded half-up to three places; None for a group without requests."""
        if not self.requests:
            return None
        return (self.latency_ms / self.requests).quantize(_MILLISECOND_PLACES, rounding=ROUND_HALF_UP)

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """The measures of all the groups together; no group at all costs nothing, and that is known."""
        found = list(parts)
        prices = [part.cost_usd for part in found if part.cost_usd is not None]
        return cls(
            requests=sum(part.requests for part in found),
            errors=sum(part.errors for part in found),
            cache_hits=sum(part.cache_hits for part in found),
            prompt_tokens=sum(part.prompt_tokens for part in found),
            completion_tokens=sum(part.completion_tokens for part in found),
            total_tokens=sum(part.total_tokens for part in found),
            cost_usd=exact_sum(prices) if prices or not found else None,
            unpriced_requests=sum(part.unpriced_requests for part in found),
            estimated_requests=sum(part.estimated_requests for part in found),
            estimated_cost_usd=exact_sum(part.estimated_cost_usd for part in found),
            latency_ms=exact_sum(part.latency_ms for part in found),
        )
