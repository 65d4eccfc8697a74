"""Prices an answer in USD, exactly; None where no price is known, never 0.

Sources, in this order: the provider's own figure, `prices.overrides`, the dated tables of genai-prices.
Prices are USD per million tokens (`…_mtok`) or per thousand searches (`…_kcount`), named as there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Final

import msgspec
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TimeOfDateConstraint

from proxy.config.prices import PriceOverride
from proxy.config.upstreams import Upstream
from proxy.metering.tariff import Tariff
from proxy.metering.usage import TokenUsage
from proxy.segments.record import MONEY_LIMIT, as_money, clip

_TABLE: Final = f"genai-prices {version('genai-prices')}"
_DATE: Final = re.compile(r"-(\d{8}|\d{4}-\d\d-\d\d|latest)$")
_MAX_TARIFFS: Final = 1024
_NOTHING: Final = Decimal(0)
_STANDARD_TIERS: Final = frozenset({"default", "standard", "auto", "on_demand"})


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of an answer in USD, the source of the price, and its unit prices."""

    cost_usd: Decimal | None = None
    source: str | None = None
    unit_prices: dict[str, str] | None = None


UNKNOWN: Final = Price()
FREE: Final = Price(cost_usd=Decimal(0), source="not billed")


class PriceTable:
    """The prices in force: dated overrides before genai-prices."""

    def __init__(self, overrides: Sequence[PriceOverride] = ()) -> None:
        get_snapshot()  # loads its tables, which takes 0.1 s, before the first request
        # Of the rows that match, the one that starts last applies.
        self._overrides = sorted(overrides, key=lambda row: row.starts, reverse=True)
        self._tariffs: dict[tuple[str, tuple[str, ...], str | None, date], Tariff | None] = {}
        self._hourly: set[tuple[str, tuple[str, ...]]] = set()

    def price(
        self, usage: TokenUsage, *, upstream: Upstream, models: Sequence[str], at: datetime, tier: str | None
    ) -> Price:
        """Prices one answer of an upstream; `models` are the names of its model, most exact first."""
        if usage.reported_cost is not None:
            return Price(cost_usd=as_money(usage.reported_cost), source="provider")
        if usage.billed or usage.model is not None:
            return self._price_iterations(usage, upstream, models, at, tier)
        tariff = self._tariff(upstream, tuple(models), at, tier)
        cost = None if tariff is None else tariff.cost(usage)
        if tariff is None or cost is None or cost >= MONEY_LIMIT:
            return UNKNOWN
        return Price(
            cost_usd=as_money(cost), source=clip(tariff.source), unit_prices=tariff.unit_prices(usage)
        )

    def cost(
        self,
        usage: TokenUsage,
        *,
        upstream: Upstream,
        models: tuple[str, ...],
        at: datetime,
        tier: str | None,
    ) -> Decimal | None:
        """The cost in USD of what one model may use, as `price` returns it; None when it is unknown."""
        tariff = self._tariff(upstream, models, at, tier)
        cost = None if tariff is None else tariff.cost(usage)
        return None if cost is None or cost >= MONEY_LIMIT else as_money(cost)

    def _price_iterations(
        self, usage: TokenUsage, upstream: Upstream, models: Sequence[str], at: datetime, tier: str | None
    ) -> Price:
        """Prices several iterations, or an answer of another model than the one requested."""
        parts: tuple[TokenUsage, ...] = usage.billed or (usage,)
        if usage.billed and usage.web_searches:
            parts += (TokenUsage(web_searches=usage.web_searches),)
        total = _NOTHING
        sources: dict[str, None] = {}
        unit_prices: dict[str, str] = {}
        for part in parts:
            # An iteration of another model has the price of that model.
            names = tuple(models) if part.model is None or part.model in models else (part.model,)
            tariff = self._tariff(upstream, names, at, tier)
            cost = None if tariff is None else tariff.cost(part)
            if tariff is None or cost is None:
                return UNKNOWN
            total += cost
            sources[tariff.source] = None
            prices = tariff.unit_prices(part)
            model = part.model or ""
            while any(
                unit_prices.get(_qualified(model, name), prices[name]) != prices[name] for name in prices
            ):
                model += "+"  # another iteration of the same model in another tier: both prices are kept
            unit_prices.update({_qualified(model, name): prices[name] for name in prices})
        if total >= MONEY_LIMIT:
            return UNKNOWN
        return Price(cost_usd=as_money(total), source=clip(", ".join(sources)), unit_prices=unit_prices)

    def known_name(self, upstream: Upstream, model: str) -> str | None:
        """The model's name, without the date of a snapshot, if the price table contains exactly that name."""
        found = _model_info(upstream, model)
        if found is None:
            return None
        literals = repr((found[1].id, found[1].match))
        return next((name for name in (model, _DATE.sub("", model)) if repr(name) in literals), None)

    def _tariff(
        self, upstream: Upstream, models: tuple[str, ...], at: datetime, tier: str | None
    ) -> Tariff | None:
        """The prices in force: looked up once per day, or once per second where they depend on the hour."""
        at = at.astimezone(UTC)
        period = at.replace(microsecond=0) if (upstream.name, models) in self._hourly else at.date()
        try:
            return self._tariffs[upstream.name, models, tier, period]
        except KeyError:
            return self._look_up(upstream, models, at, tier)

    def _look_up(
        self, upstream: Upstream, models: tuple[str, ...], at: datetime, tier: str | None
    ) -> Tariff | None:
        tariff, hourly = self._find(upstream, models, at, tier)
        if len(self._tariffs) >= _MAX_TARIFFS:
            self._tariffs.clear()
            self._hourly.clear()
            # The library caches every model name without a limit, and clients choose the names.
            set_custom_snapshot(DataSnapshot(providers=get_snapshot().providers, from_auto_update=False))
        if hourly:
            self._hourly.add((upstream.name, models))
        period = at.replace(microsecond=0) if hourly else at.date()
        self._tariffs[upstream.name, models, tier, period] = tariff
        return tariff

    def _find(
        self, upstream: Upstream, models: Sequence[str], at: datetime, tier: str | None
    ) -> tuple[Tariff | None, bool]:
        """The prices in force, and whether they depend on the time of day."""
        for row in self._overrides:
            if row.applies(upstream.name, at.date()) and any(fnmatchcase(name, row.model) for name in models):
                return Tariff(row.source, ModelPrice(**row.prices)), False
        for name in models:
            if (found := _model_info(upstream, name)) is not None:
                provider, info = found
                context = _context(info, at, tier)
                tariff = None
                if context is not None:
                    tariff = Tariff(f"{_TABLE} {provider}/{info.id}", info.get_prices(at, context))
                return tariff, _has_hours(info)
        return None, False


def _qualified(model: str, name: str) -> str:
    return f"{model}/{name}" if model else name


def _has_hours(info: ModelInfo) -> bool:
    """Whether a model has prices for certain hours (DeepSeek at night)."""
    dated = info.prices if isinstance(info.prices, list) else []
    return any(
        isinstance(one.constraint, TimeOfDateConstraint) for one in [*dated, *(info.price_variants or ())]
    )


def _model_info(upstream: Upstream, model: str) -> tuple[str, ModelInfo] | None:
    """The provider and model of genai-prices that this upstream's model is."""
    for name in _provider_names(upstream):
        try:
            provider, info = get_snapshot().find_provider_model(model, None, name, None)
        except LookupError:
            continue
        return provider.id, info
    return None


def _provider_names(upstream: Upstream) -> Sequence[str]:
    """The candidates for the provider in genai-prices: `price_provider`, else by URL, else name, then API.

    A model without a price at a known provider is not priced as another provider's.
    """
    if upstream.price_provider is not None:
        return (upstream.price_provider,)
    try:
        return (get_snapshot().find_provider(None, None, upstream.base_url).id,)
    except LookupError:
        return (upstream.name, upstream.api)


def drop_unused_providers(upstreams: Iterable[Upstream]) -> None:
    """Frees the tables of providers that none of these upstreams uses, in the whole process (3 MiB).

    Other upstreams may find no price afterwards.
    """
    names = {name.lower() for upstream in upstreams for name in _provider_names(upstream)}
    if "litellm" in names:
        return  # there the model's name determines the provider
    snapshot, kept = get_snapshot(), set[str]()
    for name in names:
        with suppress(LookupError):
            provider = snapshot.find_provider(None, name, None)
            kept |= {provider.id, *(provider.fallback_model_providers or ())}
    snapshot.providers[:] = [provider for provider in snapshot.providers if provider.id in kept]


def _context(info: ModelInfo, at: datetime, tier: str | None) -> Mapping[str, str] | None:
    """The price variant of a service tier; None when the table has no price for it."""
    if tier is None or tier in _STANDARD_TIERS:
        return {}
    # The parameter's name differs (`service_tier`, `processing`, `speed`), its value does not.
    for variant in info.price_variants or ():
        active = variant.constraint is None or variant.constraint.active(at)
        if active and tuple(variant.when.values()) == (tier,):
            return variant.when
    return None
