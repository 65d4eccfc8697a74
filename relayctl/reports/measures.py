"""Measures: what a group of requests used, as exact sums; averages are computed here, for every source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from typing import Any, Final, Self, cast

from etl.rollup.columns import MEASURES, Measure

Number = int | Decimal

_MILLISECOND_PLACES: Final = Decimal("0.001")
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP, traps=[Inexact])


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum to the last digit; Python's own context would round it to 28 digits."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


@dataclass(frozen=True, slots=True)
class Measures:
    """Sums over a group of requests, one for each of `etl.rollup.columns.MEASURES`, by its name.

    Counts and tokens are `int`, money (USD) and durations (milliseconds, summed) `Decimal`. A nullable one is
    None when no request of the group has a value: `cost_usd` when none has a known price.
    """

    values: Mapping[str, Number | None]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """From a database row by column name; other columns are ignored."""
        return cls({one.name: _number(one, row) for one in MEASURES})

    def __getitem__(self, name: str) -> Number | None:
        """A sum by its name, or `avg_latency_ms`."""
        return self.avg_latency_ms if name == "avg_latency_ms" else self.values[name]

    @property
    def requests(self) -> int:
        """The number of requests."""
        return cast("int", self.values["requests"])

    @property
    def errors(self) -> int:
        """The number of requests with a status of 400 or more, or with an error."""
        return cast("int", self.values["errors"])

    @property
    def cache_hits(self) -> int:
        """The number of requests that Relay's own cache answered."""
        return cast("int", self.values["cache_hits"])

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens."""
        return cast("int", self.values["total_tokens"])

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost of the requests with a known price; None when there is none."""
        return cast("Decimal | None", self.values["cost_usd"])

    @property
    def unpriced_requests(self) -> int:
        """The number of requests without a known price."""
        return cast("int", self.values["unpriced_requests"])

    @property
    def estimated_requests(self) -> int:
        """The number of requests whose tokens are estimated."""
        return cast("int", self.values["estimated_requests"])

    @property
    def estimated_cost_usd(self) -> Decimal:
        """The part of `cost_usd` whose tokens are estimated."""
        return cast("Decimal", self.values["estimated_cost_usd"] or Decimal(0))

    @property
    def avg_latency_ms(self) -> Decimal | None:
        """Rounded half-up to three places; None for a group without requests."""
        if not self.requests:
            return None
        latency = cast("Decimal", self.values["latency_ms"])
        return (latency / self.requests).quantize(_MILLISECOND_PLACES, rounding=ROUND_HALF_UP)

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """The measures of all groups together; without any group every sum is a known 0."""
        found = list(parts)
        return cls({one.name: _total(one, [part.values[one.name] for part in found]) for one in MEASURES})


def _is_whole(measure: Measure) -> bool:
    return measure.kind in ("count", "tokens")


def _number(measure: Measure, row: Mapping[str, Any]) -> Number | None:
    value = row[measure.name]
    if value is None:
        return None
    return int(value) if _is_whole(measure) else Decimal(value)


def _total(measure: Measure, values: list[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    if values and not known:
        return None
    return sum(map(int, known)) if _is_whole(measure) else exact_sum(map(Decimal, known))
