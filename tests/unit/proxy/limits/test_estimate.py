"""Estimates of tokens and money that are reserved for a request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from proxy.config.prices import PriceOverride
from proxy.config.upstreams import Upstream
from proxy.limits.estimate import estimated_charge, estimated_usage, recorded_charge
from proxy.limits.rules import MAX_TOKENS, Charge
from proxy.metering.prices import PriceTable
from proxy.request.call import Call, read_call

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
HI = [{"role": "user", "content": "x" * 30}]
PROMPT = 10 + 8  # three bytes per token; four tokens for the message and four for the answer


def call(endpoint: str, body: dict[str, Any], method: str = "POST") -> Call:
    return read_call(endpoint, method, json.dumps({"model": "m"} | body).encode())


ESTIMATES: list[tuple[str, dict[str, Any], int, int]] = [
    (CHAT, {"messages": HI, "max_tokens": 50}, PROMPT, 50),
    (CHAT, {"messages": HI, "max_completion_tokens": 60, "max_tokens": 50}, PROMPT, 60),
    (CHAT, {"messages": HI}, PROMPT, 1024),  # no limit: the default
    (CHAT, {"messages": HI, "max_tokens": "many"}, PROMPT, 1024),  # invalid: the upstream refuses it
    (CHAT, {"messages": HI, "max_tokens": 0}, PROMPT, 0),
    (CHAT, {"messages": HI, "max_tokens": 50, "n": 3}, PROMPT, 150),
    (CHAT, {"messages": HI * 2, "max_tokens": 1}, 20 + 12, 1),
    (CHAT, {"messages": HI, "max_tokens": 1, "tools": [{"type": "f"}]}, 8 + 15, 1),  # 30 + 14 bytes
    (COMPLETIONS, {"prompt": "x" * 30, "max_tokens": 5, "best_of": 4, "n": 2}, PROMPT, 20),
    (COMPLETIONS, {"prompt": ["x" * 15] * 2, "max_tokens": 5}, PROMPT, 10),  # one answer per prompt
    (COMPLETIONS, {"prompt": [1, 2, 3], "max_tokens": 5}, 3 + 8, 5),  # token ids
    ("/v1/responses", {"input": "x" * 30, "max_output_tokens": 7}, PROMPT, 7),
    ("/v1/messages", {"messages": HI, "system": "x" * 30, "max_tokens": 9}, 20 + 8, 9),
    (EMBEDDINGS, {"input": "x" * 30}, PROMPT, 0),
    (EMBEDDINGS, {"input": [[1, 2, 3], [4]]}, 4 + 12, 0),
    (CHAT, {"messages": HI, "max_tokens": 10**15}, PROMPT, MAX_TOKENS - PROMPT),
    ("/v1/messages/count_tokens", {"messages": HI}, 0, 0),  # generates nothing
]


@pytest.mark.parametrize(("endpoint", "body", "prompt", "completion"), ESTIMATES)
def test_usage_is_estimated_by_prompt_size_and_token_limit(
    endpoint: str, body: dict[str, Any], prompt: int, completion: int
) -> None:
    usage = estimated_usage(call(endpoint, body), 1024)
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, completion)


UPSTREAM = Upstream(name="own", api="openai", base_url="http://own.example")
PRICES = PriceTable((PriceOverride(model="m", input_mtok=Decimal(1), output_mtok=Decimal(2)),))
MONEY: list[tuple[PriceTable | None, str, int]] = [
    (PRICES, "m", (PROMPT + 2 * 50) * 10**6),
    (PRICES, "unknown", 1),  # so that an exhausted quota refuses it
    (None, "m", 0),  # money is not limited
]


@pytest.mark.parametrize(("prices", "model", "pico"), MONEY)
def test_money_is_reserved_by_the_price_of_the_estimate(
    prices: PriceTable | None, model: str, pico: int
) -> None:
    charge = estimated_charge(
        call(CHAT, {"messages": HI, "max_tokens": 50}),
        UPSTREAM,
        model=model,
        at=datetime(2026, 11, 1, tzinfo=UTC),
        default_max_tokens=1024,
        prices=prices,
    )
    assert charge == Charge(tokens=PROMPT + 50, pico_usd=pico)


USED = [
    ((12, Decimal("0.5")), Charge(tokens=12, pico_usd=5 * 10**11)),
    ((12, None), Charge(tokens=12)),  # unknown cost
    ((2**53, Decimal(0)), Charge(tokens=MAX_TOKENS)),
]


@pytest.mark.parametrize(("record", "expected"), USED)
def test_recorded_usage_is_charged(record: tuple[int, Decimal | None], expected: Charge) -> None:
    assert recorded_charge(*record) == expected
