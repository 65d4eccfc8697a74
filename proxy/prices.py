"""The exact price of an answer in USD, or None where no price is known; never 0 for unknown.

In this order: the provider's own figure, `prices.overrides`, the dated tables of genai-prices. Prices are
USD per million tokens (`…_mtok`) or per thousand searches (`…_kcount`), named as genai-prices names them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Final

import msgspec
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, Usage

from proxy.config import PriceOverride, Upstream
from proxy.record import MONEY_LIMIT, as_money, clip, money_text
from proxy.usage import TokenUsage

_TABLE: Final = f"genai-prices {version('genai-prices')}"
_DATE: Final = re.compile(r"-(\d{8}|\d{4}-\d\d-\d\d|latest)$")
_STANDARD_TIERS: Final = frozenset({"default", "standard", "auto", "on_demand"})


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer cost in USD, where the price is from, and the unit prices that made it."""

    cost_usd: Decimal | None = None
    source: str | None = None
    unit_prices: dict[str, str] | None = None


UNKNOWN: Final = Price()
FREE: Final = Price(cost_usd=Decimal(0), source="not billed")


class PriceTable:
    """The prices in force: dated overrides before genai-prices."""

    def __init__(self, overrides: Sequence[PriceOverride] = ()) -> None:
        # Of the rows that fit, the one that began last counts.
        self._overrides = sorted(overrides, key=lambda row: row.starts, reverse=True)

    def price(
        self, usage: TokenUsage, *, upstream: Upstream, models: Sequence[str], at: datetime, tier: str | None
    ) -> Price:
        """Prices one answer of an upstream at its time; `models` are its names, most exact first."""
        if usage.reported_cost is not None:
            return Price(cost_usd=as_money(usage.reported_cost), source="provider")
        parts: tuple[TokenUsage, ...] = usage.billed or (usage,)
        if usage.billed and usage.web_searches:
            parts += (TokenUsage(web_searches=usage.web_searches),)
        total, sources, unit_prices = Decimal(0), dict[str, None](), dict[str, str]()
        for part in parts:
            # An iteration of another model costs what that model costs, or nobody knows what.
            names = models if part.model in {None, *models} else (str(part.model),)
            found = self._find(upstream, names, at, tier)
            if found is None:
                return UNKNOWN
            source, table = found
            cost = _cost(table, part)
            if cost is None:
                return UNKNOWN
            total += cost
            sources[source] = None
            prefix = f"{part.model}/" if part.model else ""
            unit_prices |= {prefix + name: value for name, value in _used(table, part).items()}
        if total >= MONEY_LIMIT:
            return UNKNOWN
        return Price(cost_usd=as_money(total), source=clip(", ".join(sources)), unit_prices=unit_prices)

    def known_name(self, upstream: Upstream, model: str) -> str | None:
        """The model's name, less the date of a snapshot, if that very name stands in the price table."""
        found = _model_info(upstream, model)
        if found is None:
            return None
        literals = repr((found[1].id, found[1].match))
        return next((name for name in (model, _DATE.sub("", model)) if repr(name) in literals), None)

    def _find(
        self, upstream: Upstream, models: Sequence[str], at: datetime, tier: str | None
    ) -> tuple[str, ModelPrice] | None:
        day = at.astimezone(UTC).date()
        for row in self._overrides:
            if row.applies(upstream.name, day) and any(fnmatchcase(name, row.model) for name in models):
                return row.source, ModelPrice(**row.prices)
        for name in models:
            if (found := _model_info(upstream, name)) is not None:
                provider, info = found
                context = _context(info, at, tier)
                if context is None:
                    return None
                return f"{_TABLE} {provider}/{info.id}", info.get_prices(at, context)
        return None


def _model_info(upstream: Upstream, model: str) -> tuple[str, ModelInfo] | None:
    """The provider and model of genai-prices that this upstream's model is."""
    if upstream.price_provider is None:
        attempts = [("url", upstream.base_url), ("id", upstream.name), ("id", upstream.api)]
    else:
        attempts = [("id", upstream.price_provider)]
    for kind, value in attempts:
        try:
            provider, info = get_snapshot().find_provider_model(
                model, None, value if kind == "id" else None, value if kind == "url" else None
            )
        except LookupError:
            continue
        return provider.id, info
    return None


def _context(info: ModelInfo, at: datetime, tier: str | None) -> Mapping[str, str] | None:
    """The price variant a service tier asks for; None when the table has no price for that tier."""
    if tier is None or tier in _STANDARD_TIERS:
        return {}
    # The name of what is asked differs (`service_tier`, `processing`, `speed`), its value does not.
    for variant in info.price_variants or ():
        active = variant.constraint is None or variant.constraint.active(at)
        if active and tuple(variant.when.values()) == (tier,):
            return variant.when
    return None


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


def _cost(table: ModelPrice, usage: TokenUsage) -> Decimal | None:
    """The price of one part in USD, not rounded; None when a class of tokens in it has no price."""
    if any(getattr(usage, _COUNTED[name]) and getattr(table, name) is None for name in _OWN_PRICE):
        return None
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


def _used(table: ModelPrice, usage: TokenUsage) -> dict[str, str]:
    """The unit prices that this part's cost was made from, tiers resolved, as exact decimals."""
    used = {}
    for name, counted in _COUNTED.items():
        price = getattr(table, name)
        if price is not None and getattr(usage, counted):
            used[name] = money_text(_resolve(price, usage.prompt_tokens))
    return used


def _resolve(price: Decimal | TieredPrices, prompt_tokens: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if prompt_tokens > tier.start]
    return reached[-1] if reached else price.base
