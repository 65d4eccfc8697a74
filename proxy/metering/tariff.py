"""Computes the cost of an answer's tokens by one model's prices, exactly as genai-prices does.

Only genai-prices knows which classes of tokens are subsets of others. But the price of one more token of a
class is constant within a tier of prompt length: it is computed once per tier, then counts are multiplied.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec
from genai_prices.types import ModelPrice, TieredPrices, Usage

from proxy.metering.usage import TokenUsage
from proxy.segments.record import money_text

_COUNT_OF_PRICE: Final = {
    "input_mtok": "prompt_tokens",
    "output_mtok": "completion_tokens",
    "cache_read_mtok": "cache_read_tokens",
    "cache_write_mtok": "cache_write_tokens",
    "cache_write_1h_mtok": "cache_write_1h_tokens",
    "input_audio_mtok": "prompt_audio_tokens",
    "output_audio_mtok": "completion_audio_tokens",
    "web_searches_kcount": "web_searches",
}
# Classes without a fallback price; the others are priced as input.
_OWN_PRICE: Final = (
    "input_mtok", "output_mtok", "input_audio_mtok", "output_audio_mtok", "web_searches_kcount",
)  # fmt: skip
_NOTHING: Final = TokenUsage()
# A class of tokens, the usage that one token of it requires, and the same with that token.
_STEPS: Final = (
    ("prompt_tokens", _NOTHING, TokenUsage(prompt_tokens=1)),
    ("completion_tokens", _NOTHING, TokenUsage(completion_tokens=1)),
    ("web_searches", _NOTHING, TokenUsage(web_searches=1)),
    ("cache_read_tokens", TokenUsage(prompt_tokens=1), TokenUsage(prompt_tokens=1, cache_read_tokens=1)),
    ("cache_write_tokens", TokenUsage(prompt_tokens=1), TokenUsage(prompt_tokens=1, cache_write_tokens=1)),
    (
        "cache_write_1h_tokens",
        TokenUsage(prompt_tokens=1, cache_write_tokens=1),
        TokenUsage(prompt_tokens=1, cache_write_tokens=1, cache_write_1h_tokens=1),
    ),
    (
        "reasoning_tokens",
        TokenUsage(completion_tokens=1),
        TokenUsage(completion_tokens=1, reasoning_tokens=1),
    ),
)


_FEE: Final = "requests_kcount"


class _Rates(msgspec.Struct, frozen=True):
    """The prices of one tier: per request, and per token of each class.

    `unit_prices` are what a record holds: name of the price, name of the count, decimal.
    """

    per_request: Decimal
    per_token: tuple[tuple[str, Decimal], ...]
    unit_prices: tuple[tuple[str, str, str], ...]


class Tariff:
    """One model's prices and their source."""

    def __init__(self, source: str, table: ModelPrice) -> None:
        self.source = source
        self._table = table
        self._unpriced = tuple(_COUNT_OF_PRICE[name] for name in _OWN_PRICE if getattr(table, name) is None)
        tiered = (price for price in vars(table).values() if isinstance(price, TieredPrices))
        self._starts = sorted({tier.start for price in tiered for tier in price.tiers})
        self._rates: dict[int, _Rates | None] = {}

    def cost(self, usage: TokenUsage) -> Decimal | None:
        """The price in USD, not rounded; None when a class of tokens in it has no price."""
        for name in self._unpriced:
            if getattr(usage, name):
                return None
        rates = self._tier_rates(usage)
        if rates is None or not _is_simple(usage):
            return library_cost(self._table, usage)
        total = rates.per_request
        for name, rate in rates.per_token:
            if number := getattr(usage, name):
                total += rate * number
        return total

    def unit_prices(self, usage: TokenUsage) -> dict[str, str]:
        """The unit prices that the cost was computed from, tiers resolved, as exact decimals."""
        rates = self._tier_rates(usage)
        prices = rates.unit_prices if rates else _unit_prices(_resolved(self._table, usage.prompt_tokens))
        return {name: text for name, counted, text in prices if counted == _FEE or getattr(usage, counted)}

    def _tier_rates(self, usage: TokenUsage) -> _Rates | None:
        """The rates of the tier that a prompt is in; None where genai-prices cannot use the table."""
        tier = bisect_left(self._starts, usage.prompt_tokens) if self._starts else 0
        try:
            return self._rates[tier]
        except KeyError:
            rates = self._rates[tier] = _rates(_resolved(self._table, usage.prompt_tokens))
            return rates


def _is_simple(usage: TokenUsage) -> bool:
    """Whether each part is within its total and none overlaps another, as audio overlaps cached tokens."""
    return (
        not usage.prompt_audio_tokens
        and not usage.completion_audio_tokens
        and usage.cache_read_tokens + usage.cache_write_tokens <= usage.prompt_tokens
        and usage.cache_write_1h_tokens <= usage.cache_write_tokens
        and usage.reasoning_tokens <= usage.completion_tokens
    )


def library_cost(table: ModelPrice, usage: TokenUsage) -> Decimal | None:
    """The price in USD as genai-prices computes it, which takes a hundred times as long."""
    counts = Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=usage.cache_read_tokens or None,
        cache_write_tokens=usage.cache_write_tokens or None,
        cache_write_1h_tokens=usage.cache_write_1h_tokens or None,
        input_audio_tokens=usage.prompt_audio_tokens or None,
        output_audio_tokens=usage.completion_audio_tokens or None,
        output_reasoning_tokens=usage.reasoning_tokens or None,
        web_searches=usage.web_searches or None,
    )
    try:
        return table.calc_price(counts)["total_price"]
    except ValueError:  # counts that contradict each other by the table's units
        return None


def _rates(table: ModelPrice) -> _Rates | None:
    fixed = library_cost(table, _NOTHING)
    steps = [(name, library_cost(table, less), library_cost(table, more)) for name, less, more in _STEPS]
    each = [(name, more - less) for name, less, more in steps if less is not None and more is not None]
    if fixed is None or len(each) < len(steps):
        return None
    return _Rates(fixed, tuple((name, rate) for name, rate in each if rate), tuple(_unit_prices(table)))


def _resolved(table: ModelPrice, prompt_tokens: int) -> ModelPrice:
    """The table for a prompt of this length, without tiers."""
    return ModelPrice(**{name: _resolve(price, prompt_tokens) for name, price in vars(table).items()})


def _resolve(price: Decimal | TieredPrices | None, prompt_tokens: int) -> Decimal | None:
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if prompt_tokens > tier.start]
    return reached[-1] if reached else price.base


def _unit_prices(table: ModelPrice) -> Iterator[tuple[str, str, str]]:
    for name, counted in _COUNT_OF_PRICE.items():
        if isinstance(price := getattr(table, name), Decimal):
            yield name, counted, money_text(price)
    if isinstance(fee := table.requests_kcount, Decimal):
        yield _FEE, _FEE, money_text(fee)
