"""What the tokens of an answer cost by one model's prices, to the last digit what genai-prices says.

It alone knows how the classes of tokens stand inside each other. But what one more token of a class costs
stays the same while the prompt stays in one tier: it is asked for that once, then counts are multiplied.
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

_COUNTED: Final = {
    "input_mtok": "prompt_tokens",
    "output_mtok": "completion_tokens",
    "cache_read_mtok": "cache_read_tokens",
    "cache_write_mtok": "cache_write_tokens",
    "cache_write_1h_mtok": "cache_write_1h_tokens",
    "input_audio_mtok": "prompt_audio_tokens",
    "output_audio_mtok": "completion_audio_tokens",
    "web_searches_kcount": "web_searches",
}
# These have no other price to fall back to; the rest is then part of the input.
_OWN_PRICE: Final = (
    "input_mtok", "output_mtok", "input_audio_mtok", "output_audio_mtok", "web_searches_kcount",
)  # fmt: skip
_NOTHING: Final = TokenUsage()
# A class of tokens, what must be there for one of it, and the same with it.
_ONE_MORE: Final = (
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
    """The prices of one tier: of a request, of one more token of each class; and how a record tells them."""

    fixed: Decimal
    each: tuple[tuple[str, Decimal], ...]
    shown: tuple[tuple[str, str, str], ...]


class Tariff:
    """One model's prices and where they are from."""

    def __init__(self, source: str, table: ModelPrice) -> None:
        self.source = source
        self._table = table
        self._unpriced = tuple(_COUNTED[name] for name in _OWN_PRICE if getattr(table, name) is None)
        tiered = (price for price in vars(table).values() if isinstance(price, TieredPrices))
        self._starts = sorted({tier.start for price in tiered for tier in price.tiers})
        self._rates: dict[int, _Rates | None] = {}

    def cost(self, usage: TokenUsage) -> Decimal | None:
        """The price in USD, not rounded; None when a class of tokens in it has no price."""
        for name in self._unpriced:
            if getattr(usage, name):
                return None
        rates = self._of(usage)
        if rates is None or not _ordinary(usage):
            return asked_cost(self._table, usage)
        total = rates.fixed
        for name, rate in rates.each:
            if number := getattr(usage, name):
                total += rate * number
        return total

    def used(self, usage: TokenUsage) -> dict[str, str]:
        """The unit prices that this cost was made from, tiers resolved, as exact decimals."""
        rates = self._of(usage)
        shown = rates.shown if rates else _shown(_resolved(self._table, usage.prompt_tokens))
        return {name: text for name, counted, text in shown if counted == _FEE or getattr(usage, counted)}

    def _of(self, usage: TokenUsage) -> _Rates | None:
        """The rates of the tier that a prompt is in; None where genai-prices finds no sense in the table."""
        tier = bisect_left(self._starts, usage.prompt_tokens) if self._starts else 0
        try:
            return self._rates[tier]
        except KeyError:
            rates = self._rates[tier] = _rates(_resolved(self._table, usage.prompt_tokens))
            return rates


def _ordinary(usage: TokenUsage) -> bool:
    """Whether each part stands inside its whole and none crosses another, as audio does cached tokens."""
    return (
        not usage.prompt_audio_tokens
        and not usage.completion_audio_tokens
        and usage.cache_read_tokens + usage.cache_write_tokens <= usage.prompt_tokens
        and usage.cache_write_1h_tokens <= usage.cache_write_tokens
        and usage.reasoning_tokens <= usage.completion_tokens
    )


def asked_cost(table: ModelPrice, usage: TokenUsage) -> Decimal | None:
    """The price in USD as genai-prices works it out, which takes a hundred times as long."""
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
    except ValueError:  # the counts contradict each other in a way only the table's units show
        return None


def _rates(table: ModelPrice) -> _Rates | None:
    fixed = asked_cost(table, _NOTHING)
    steps = [(name, asked_cost(table, less), asked_cost(table, more)) for name, less, more in _ONE_MORE]
    each = [(name, more - less) for name, less, more in steps if less is not None and more is not None]
    if fixed is None or len(each) < len(steps):
        return None
    return _Rates(fixed, tuple((name, rate) for name, rate in each if rate), tuple(_shown(table)))


def _resolved(table: ModelPrice, prompt_tokens: int) -> ModelPrice:
    """The table for a prompt of this length: no price in it has tiers."""
    return ModelPrice(**{name: _resolve(price, prompt_tokens) for name, price in vars(table).items()})


def _resolve(price: Decimal | TieredPrices | None, prompt_tokens: int) -> Decimal | None:
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if prompt_tokens > tier.start]
    return reached[-1] if reached else price.base


def _shown(table: ModelPrice) -> Iterator[tuple[str, str, str]]:
    for name, counted in _COUNTED.items():
        if isinstance(price := getattr(table, name), Decimal):
            yield name, counted, money_text(price)
    if isinstance(fee := table.requests_kcount, Decimal):
        yield _FEE, _FEE, money_text(fee)
