"""Rates over the last minute: the lines of the live view, and how they are reckoned; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Rates:
    """One line. Per second: requests, tokens; USD per hour; errors as a share of requests (0 to 1).

    `p50` and `p95` are seconds; None where nothing ended in the window.
    """

    name: str
    requests: Decimal
    tokens: Decimal
    usd_per_hour: Decimal
    errors: Decimal
    p50: float | None
    p95: float | None


Bucket = tuple[float, float]
"""An upper bound in seconds, and how many took at most that long."""


def quantile(share: float, buckets: Sequence[Bucket]) -> float | None:
    """The quantile of a cumulative histogram, as Prometheus' `histogram_quantile` has it."""
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return None
    rank, low, below = share * total, 0.0, 0.0
    for high, count in buckets:
        if count >= rank:
            if high == float("inf"):
                return low
            return low + (high - low) * (rank - below) / (count - below) if count > below else high
        low, below = high, count
    return low


def of_sorted(share: float, values: Sequence[float]) -> float | None:
    """The quantile of sorted values, the nearest one above."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """0 where there is nothing."""
    return part / whole if whole else Decimal(0)
