"""Settings of prices: dated overrides that take precedence over the prices of genai-prices."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Self

from pydantic import model_validator

from proxy.config.section import Section, Usd


class PriceOverride(Section):
    """A dated price in USD per million tokens, as decimal strings, for the models that a glob matches.

    Without `output_mtok` an answer with output tokens is unpriced; embeddings have no output tokens.
    """

    model: str
    upstream: str | None = None
    since: date | None = None
    until: date | None = None
    input_mtok: Usd
    output_mtok: Usd | None = None
    cache_read_mtok: Usd | None = None
    cache_write_mtok: Usd | None = None
    cache_write_1h_mtok: Usd | None = None
    input_audio_mtok: Usd | None = None
    output_audio_mtok: Usd | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("is never in force: until is not after since")
        return self

    @property
    def starts(self) -> date:
        """The first UTC day on which it is in force."""
        return self.since or date.min

    @property
    def source(self) -> str:
        """The `price_source` of records priced by it."""
        return f"override {self.model} since {self.since}" if self.since else f"override {self.model}"

    @property
    def prices(self) -> dict[str, Decimal]:
        """The prices by their genai-prices names."""
        return {name: value for name, value in self if isinstance(value, Decimal)}

    def applies(self, upstream: str, day: date) -> bool:
        """Return whether it is in force for an upstream on a UTC day (`until` is exclusive)."""
        return self.upstream in {None, upstream} and self.starts <= day < (self.until or date.max)


class Prices(Section):
    """Price overrides."""

    overrides: tuple[PriceOverride, ...] = ()

    def conflict(self, upstreams: Collection[str]) -> str | None:
        """Return which override names an unknown upstream; None when none does."""
        for index, override in enumerate(self.overrides):
            name = override.upstream
            if name is not None and name not in upstreams:
                known = ", ".join(upstreams)
                return f"'prices.overrides.{index}.upstream' should be one of {known}, not '{name}'"
        return None
