"""A tariff computes what genai-prices computes, for any model, tier and counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, TieredPrices
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config.upstreams import Upstream
from proxy.metering import tariff
from proxy.metering.prices import PriceTable
from proxy.metering.tariff import Tariff, library_cost
from proxy.metering.usage import TokenUsage

TABLES = [
    table
    for provider in get_snapshot().providers
    for model in provider.models
    for table in (
        *([model.prices] if isinstance(model.prices, ModelPrice) else [one.prices for one in model.prices]),
        *(variant.prices for variant in model.price_variants or ()),
    )
]
TIERED = [table for table in TABLES if any(isinstance(price, TieredPrices) for price in vars(table).values())]
COUNTS = st.integers(0, 10) | st.sampled_from([127_999, 128_000, 128_001, 200_000, 200_001, 272_001, 2**40])
SOME = st.just(0) | COUNTS
USAGES = st.builds(
    TokenUsage,
    prompt_tokens=COUNTS,
    completion_tokens=SOME,
    cache_read_tokens=SOME,
    cache_write_tokens=SOME,
    cache_write_1h_tokens=SOME,
    reasoning_tokens=SOME,
    prompt_audio_tokens=st.just(0) | SOME,
    completion_audio_tokens=st.just(0) | SOME,
    web_searches=SOME,
)
ORDINARY = st.tuples(*[COUNTS] * 6).map(
    lambda some: TokenUsage(
        prompt_tokens=some[0] + some[1] + some[2],
        cache_read_tokens=some[1],
        cache_write_tokens=some[2],
        cache_write_1h_tokens=min(some[2], some[3]),
        completion_tokens=some[4],
        reasoning_tokens=min(some[4], some[5]),
    )
)
OWN = {
    "input_mtok": "prompt_tokens",
    "output_mtok": "completion_tokens",
    "input_audio_mtok": "prompt_audio_tokens",
    "output_audio_mtok": "completion_audio_tokens",
    "web_searches_kcount": "web_searches",
}


def worked_out(table: ModelPrice, usage: TokenUsage) -> Decimal | None:
    if any(getattr(table, name) is None and getattr(usage, counted) for name, counted in OWN.items()):
        return None
    return library_cost(table, usage)


@settings(max_examples=300)
@given(
    table=st.sampled_from(TABLES) | st.sampled_from(TIERED), usages=st.lists(ORDINARY | USAGES, max_size=4)
)
def test_cost_is_what_genai_prices_computes(table: ModelPrice, usages: list[TokenUsage]) -> None:
    made = Tariff("a table", table)
    for usage in usages:
        assert made.cost(usage) == worked_out(table, usage)


def test_genai_prices_is_called_once_per_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def counting(table: ModelPrice, usage: TokenUsage) -> Decimal | None:
        nonlocal asked
        asked += 1
        return library_cost(table, usage)

    monkeypatch.setattr(tariff, "library_cost", counting)
    made = Tariff("a table", TIERED[0])
    made.cost(TokenUsage(prompt_tokens=10))
    first = asked
    for number in range(50):
        made.cost(TokenUsage(prompt_tokens=number, completion_tokens=number))
    assert asked == first
    made.cost(TokenUsage(prompt_tokens=2**40))
    assert asked > first


HOURS = [  # genai-prices' own hours: DeepSeek is cheaper in the night
    (datetime(2025, 6, 1, 16, 29, 59, 999_999, tzinfo=UTC), "0.00000027"),
    (datetime(2025, 6, 1, 16, 30, tzinfo=UTC), "0.000000135"),
    (datetime(2025, 6, 2, 0, 29, 59, tzinfo=UTC), "0.000000135"),
    (datetime(2025, 6, 2, 0, 30, tzinfo=UTC), "0.00000027"),
]


def test_hourly_price_is_looked_up_again_within_a_day() -> None:
    prices = PriceTable()
    upstream = Upstream.model_validate(
        {"name": "deepseek", "api": "openai", "base_url": "http://127.0.0.1:1", "price_provider": "deepseek"}
    )
    for at, cost in [*HOURS, *HOURS[::-1]]:
        for moment in (at, at.astimezone(timezone(timedelta(hours=9)))):
            usage = TokenUsage(prompt_tokens=1)
            made = prices.price(usage, upstream=upstream, models=["deepseek-chat"], at=moment, tier=None)
            assert made.cost_usd == Decimal(cost)
