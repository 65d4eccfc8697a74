"""Which provider's prices apply: the configured one, else by URL, by name, by API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.config.upstreams import Upstream
from proxy.metering.prices import PriceTable
from proxy.metering.usage import TokenUsage

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

SOLD: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("by the URL", {"base_url": "https://api.groq.com/openai/v1"}, "llama-3.3-70b-versatile", "groq/"),
    ("by the URL, whatever its name", {"base_url": "https://api.groq.com/openai/v1", "name": "openai"},
     "gpt-4o", None),
    ("by its name", {"name": "deepseek"}, "deepseek-chat", "deepseek/"),
    ("your own server has no list price", {"name": "ours"}, "gpt-4o", None),
    ("a name beside an unknown host", {"name": "openai"}, "gpt-4o", "openai/"),
    ("as configured", {"base_url": "https://api.groq.com/openai/v1", "price_provider": "openai"}, "gpt-4o",
     "openai/"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "model", "source"), [row[1:] for row in SOLD], ids=[row[0] for row in SOLD]
)
def test_prices_are_of_the_right_provider(changes: dict[str, Any], model: str, source: str | None) -> None:
    usage = TokenUsage(prompt_tokens=1)
    known = {"name": "up", "api": "openai", "base_url": "http://127.0.0.1:1"}
    sold = Upstream.model_validate(known | changes)
    price = PriceTable().price(usage, upstream=sold, models=[model], at=NOON, tier=None)
    assert (price.source is None) == (source is None)
    assert (source or "") in (price.source or "")
