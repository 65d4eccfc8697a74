"""The price of an answer: exact, from the right table, and None (never 0) when unknown."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.prices import PriceOverride
from proxy.config.upstreams import Upstream
from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import AnswerReader
from proxy.metering.prices import UNKNOWN, Price, PriceTable, drop_unused_providers
from proxy.metering.usage import TokenUsage
from proxy.metering.usage_anthropic import from_anthropic
from proxy.metering.usage_openai import from_openai
from tests.support.arbitrary import UNTIMED
from tests.support.replay import events, named_events

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PICO = Decimal("1e-12")


def upstream(api: str = "openai", **changes: Any) -> Upstream:
    known = {"name": api, "api": api, "base_url": "http://127.0.0.1:1", "price_provider": api}
    return Upstream.model_validate(known | changes)


def price(
    usage: TokenUsage | None,
    *models: str,
    api: str = "openai",
    at: datetime = NOON,
    tier: str | None = None,
    overrides: tuple[PriceOverride, ...] = (),
) -> Price:
    assert usage is not None
    return PriceTable(overrides).price(usage, upstream=upstream(api), models=models, at=at, tier=tier)


def openai(prompt: int, completion: int, **more: Any) -> TokenUsage | None:
    return from_openai({"prompt_tokens": prompt, "completion_tokens": completion} | more)


MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-5-mini-2025-08-07"),
    ("openai", "gpt-5.4"),  # dearer above a number of input tokens
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-haiku-4-5"),
]
COUNTS = st.integers(0, 400_000)


@pytest.mark.parametrize(("api", "model"), MODELS)
@UNTIMED
@given(fresh=COUNTS, read=COUNTS, output=COUNTS)
def test_cost_equals_that_of_genai_prices(api: str, model: str, fresh: int, read: int, output: int) -> None:
    usage = TokenUsage(prompt_tokens=fresh + read, cache_read_tokens=read, completion_tokens=output)
    theirs = calc_price(
        Usage(input_tokens=fresh + read, cache_read_tokens=read, output_tokens=output),
        model,
        provider_id=api,
        genai_request_timestamp=NOON,
    )
    ours = price(usage, model, api=api)
    assert ours.cost_usd == theirs.total_price.quantize(PICO, rounding=ROUND_HALF_EVEN)
    assert ours.source is not None
    assert ours.source.endswith(f"{api}/{theirs.model.id}")


@pytest.mark.parametrize(("api", "model"), MODELS)
@UNTIMED
@given(fresh=COUNTS, read=COUNTS, output=COUNTS)
def test_unit_prices_of_a_record_make_its_cost(
    api: str, model: str, fresh: int, read: int, output: int
) -> None:
    usage = TokenUsage(prompt_tokens=fresh + read, cache_read_tokens=read, completion_tokens=output)
    made = price(usage, model, api=api)
    unit = {name: Decimal(text) / 1_000_000 for name, text in (made.unit_prices or {}).items()}
    parts = {"input_mtok": fresh, "cache_read_mtok": read, "output_mtok": output}
    assert made.cost_usd == sum((unit[name] * count for name, count in parts.items() if count), Decimal(0))


COSTS: list[tuple[str, TokenUsage | None, str, dict[str, Any], str | None]] = [
    ("plain", openai(1000, 100), "gpt-4o", {}, "0.0035"),
    ("the snapshot's name", openai(1000, 100), "gpt-4o-2024-08-06", {}, "0.0035"),
    ("nothing used costs nothing, and that is known", openai(0, 0), "gpt-4o", {}, "0"),
    ("cached input is cheaper", openai(1000, 0, cached_tokens=1000), "gpt-4o", {}, "0.00125"),
    ("an unknown model", openai(1000, 100), "no-such-model", {}, None),
    ("an unknown model, nothing used", openai(0, 0), "no-such-model", {}, None),
    ("no model at all", openai(1, 1), "", {}, None),
    ("an ordinary tier", openai(1000, 100), "gpt-5", {"tier": "default"}, "0.00225"),
    ("a dearer tier", openai(1000, 100), "gpt-5", {"tier": "priority"}, "0.0045"),
    ("a cheaper tier", openai(1000, 100), "gpt-5", {"tier": "flex"}, "0.001125"),
    ("a tier nobody has a price for", openai(1000, 100), "gpt-5", {"tier": "platinum"}, None),
    ("a tier this model has not", openai(1000, 100), "gpt-4", {"tier": "flex"}, None),
    ("audio without a price",
     openai(100, 10, prompt_tokens_details={"audio_tokens": 60}), "gpt-4o", {}, None),
    ("audio out without a price",
     openai(100, 10, completion_tokens_details={"audio_tokens": 6}), "gpt-4o", {}, None),
    ("Anthropic: cache writes of both kinds", from_anthropic({
        "input_tokens": 1000, "cache_creation_input_tokens": 3000, "output_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 1000}}),
     "claude-sonnet-4-5", {"api": "anthropic"}, "0.0165"),
    ("Anthropic: a web search", from_anthropic({
        "input_tokens": 0, "output_tokens": 0, "server_tool_use": {"web_search_requests": 3}}),
     "claude-sonnet-4-5", {"api": "anthropic"}, "0.03"),
    ("Anthropic: fast mode is dearer", from_anthropic({"input_tokens": 1000, "output_tokens": 0}),
     "claude-opus-4-8", {"api": "anthropic", "tier": "fast"}, "0.01"),
    ("Anthropic: fast mode, and a place to compute, which has no price here",
     from_anthropic({"input_tokens": 1000, "output_tokens": 0}),
     "claude-opus-4-8", {"api": "anthropic", "tier": "us fast"}, None),
    ("as many tokens as a record holds", TokenUsage(prompt_tokens=2**53), "gpt-4", {}, "270215977642.22976"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "model", "given", "cost"), [row[1:] for row in COSTS], ids=[row[0] for row in COSTS]
)
def test_cost_of_an_answer(
    usage: TokenUsage | None, model: str, given: dict[str, Any], cost: str | None
) -> None:
    made = price(usage, model, **given)
    assert made.cost_usd == (None if cost is None else Decimal(cost))
    if cost is None:
        assert made == UNKNOWN


def row(model: str, price_of_input: str, **more: Any) -> PriceOverride:
    return PriceOverride(model=model, input_mtok=Decimal(price_of_input), **more)


def test_reported_cost_comes_first_even_zero() -> None:
    overrides = (row("*", "9"),)
    for cost in ("0", "0.000123"):
        usage = from_openai({"prompt_tokens": 1000, "cost": Decimal(cost)})
        made = price(usage, "gpt-4o", overrides=overrides)
        assert (made.cost_usd, made.source) == (Decimal(cost), "provider")


OVERRIDES = (
    row("gpt-4o*", "1"),
    row("gpt-4o", "2", since=date(2026, 10, 1), until=date(2026, 11, 1)),
    row("gpt-4o", "3", since=date(2026, 11, 1)),
    row("gpt-4o", "4", since=date(2026, 12, 1), upstream="somebody-else"),
    row("llama*", "0"),
)
DATED: list[tuple[datetime, str]] = [
    (datetime(2026, 9, 30, 23, 59, tzinfo=UTC), "1"),
    (datetime(2026, 10, 1, tzinfo=UTC), "2"),
    (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), "2"),
    (datetime(2026, 11, 1, tzinfo=UTC), "3"),
    (datetime(2026, 12, 24, tzinfo=UTC), "3"),
]


@pytest.mark.parametrize(("at", "price_of_input"), DATED)
def test_latest_override_in_force_applies(at: datetime, price_of_input: str) -> None:
    made = price(openai(1_000_000, 0), "gpt-4o", at=at, overrides=OVERRIDES)
    assert made.cost_usd == Decimal(price_of_input)
    assert made.source is not None
    assert made.source.startswith("override gpt-4o")


def test_override_makes_an_unknown_model_free_only_explicitly() -> None:
    assert price(openai(10, 0), "llama3", overrides=OVERRIDES).cost_usd == 0
    assert price(openai(10, 0), "mixtral", overrides=OVERRIDES).cost_usd is None


def test_override_without_output_price_prices_input_only() -> None:
    embeddings = row("text-embedding-*", "0.02")
    assert price(openai(1_000_000, 0), "text-embedding-9", overrides=(embeddings,)).cost_usd == Decimal(
        "0.02"
    )
    assert price(openai(1_000_000, 1), "text-embedding-9", overrides=(embeddings,)) == UNKNOWN
    free = row("llama*", "0", output_mtok=Decimal(0))
    assert price(openai(10, 10), "llama3", overrides=(free,)).cost_usd == 0


def test_cost_above_the_limit_of_a_record_is_unknown() -> None:
    assert price(TokenUsage(prompt_tokens=2**53), "m", overrides=(row("m", "1000000"),)) == UNKNOWN


def test_override_without_audio_price_leaves_audio_unpriced() -> None:
    usage = openai(100, 0, prompt_tokens_details={"audio_tokens": 60})
    assert price(usage, "gpt-4o", overrides=OVERRIDES).cost_usd is None


TURN = {"type": "message", "input_tokens": 150_000, "output_tokens": 0}


def test_iterations_are_priced_singly_below_the_long_context_tier() -> None:
    one_by_one = from_anthropic({"input_tokens": 300_000, "output_tokens": 0, "iterations": [TURN, TURN]})
    at_once = from_anthropic({"input_tokens": 300_000, "output_tokens": 0})
    assert price(one_by_one, "claude-sonnet-4-5", api="anthropic").cost_usd == Decimal("0.9")
    assert price(at_once, "claude-sonnet-4-5", api="anthropic").cost_usd == Decimal("1.8")


def iterated(model: str) -> TokenUsage | None:
    advisor = {"type": "advisor_message", "model": model, "input_tokens": 1000, "output_tokens": 0}
    turn = {"type": "message", "input_tokens": 1000, "output_tokens": 0}
    tools = {"web_search_requests": 1}
    return from_anthropic({
        "input_tokens": 1000, "output_tokens": 0, "iterations": [turn, advisor], "server_tool_use": tools,
    })  # fmt: skip


def test_advisor_has_its_own_price_and_a_search_is_paid_once() -> None:
    made = price(iterated("claude-opus-4-8"), "claude-sonnet-4-5", api="anthropic")
    assert made.cost_usd == Decimal("0.003") + Decimal("0.005") + Decimal("0.01")


def test_advisor_without_a_price_makes_the_answer_unpriced() -> None:
    assert price(iterated("nobody-knows-it"), "claude-sonnet-4-5", api="anthropic") == UNKNOWN


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@UNTIMED
@given(prompt=COUNTS, completion=COUNTS, cached=st.integers(0, 1000))
def test_stream_and_json_with_equal_usage_cost_the_same(
    api: Any, prompt: int, completion: int, cached: int
) -> None:
    if api == "openai":
        model, usage = "gpt-4o", {"prompt_tokens": prompt + cached, "completion_tokens": completion,
                                  "prompt_tokens_details": {"cached_tokens": cached}}  # fmt: skip
        body = events({"choices": []}, {"choices": [], "usage": usage})
    else:
        model, usage = "claude-sonnet-4-5", {"input_tokens": prompt, "output_tokens": completion,
                                             "cache_read_input_tokens": cached}  # fmt: skip
        start = {"type": "message_start", "message": {"usage": usage | {"output_tokens": 3}}}
        body = named_events(start, {"type": "message_delta", "usage": {"output_tokens": completion}})
    streamed, whole = AnswerReader(api), AnswerReader(api)
    StreamFilter(streamed, drop_usage=True).feed(body)
    whole.read_body(json.dumps({"usage": usage}).encode())
    assert price(streamed.usage, model, api=api) == price(whole.usage, model, api=api)
    assert price(streamed.usage, model, api=api).cost_usd is not None


NAMES: list[tuple[str, str | None]] = [
    ("gpt-4o", "gpt-4o"),
    ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
    ("gpt-4o-someones-secret-project", None),
    ("no-such-model", None),
]


@pytest.mark.parametrize(("model", "name"), NAMES)
def test_known_names_are_those_of_the_price_table(model: str, name: str | None) -> None:
    assert PriceTable().known_name(upstream(), model) == name


KEPT: list[tuple[str, list[dict[str, Any]], set[str]]] = [
    ("both APIs", [{"name": "openai"}, {"name": "anthropic", "api": "anthropic"}], {"openai", "anthropic"}),
    ("by the URL", [{"base_url": "https://api.groq.com/openai/v1"}], {"groq"}),
    ("one that sells another's models", [{"price_provider": "azure"}], {"azure", "openai", "anthropic"}),
    ("a name that nobody has", [{"name": "ours"}], {"openai"}),
    ("none", [], set()),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "kept"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_prices_stay_when_unused_providers_are_dropped(changes: list[dict[str, Any]], kept: set[str]) -> None:
    upstreams = [upstream(**({"price_provider": None} | one)) for one in changes]
    providers = get_snapshot().providers
    names = sorted({model.id for provider in providers for model in provider.models})[::20]
    names += [name for _, name in MODELS]

    def prices_now() -> list[Price]:
        table, usage = PriceTable(), TokenUsage(prompt_tokens=1, completion_tokens=1)
        return [
            table.price(usage, upstream=one, models=[name], at=NOON, tier=None)
            for one in upstreams
            for name in names
        ]

    whole = prices_now()
    set_custom_snapshot(DataSnapshot(providers=list(providers), from_auto_update=False))
    try:
        drop_unused_providers(upstreams)
        assert kept <= {provider.id for provider in get_snapshot().providers}
        assert len(get_snapshot().providers) < 10
        assert prices_now() == whole
    finally:
        set_custom_snapshot(None)


def test_litellm_keeps_every_price_table() -> None:
    before = list(get_snapshot().providers)
    drop_unused_providers([upstream(name="litellm", price_provider=None)])
    assert get_snapshot().providers == before
