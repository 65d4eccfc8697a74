"""The rates shown by the live view, and their computation. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Rates:
    """One line: requests and tokens per second, USD per hour, errors as a ratio of requests (0 to 1).

    `p50` and `p95` are seconds, None if no request ended in the window.
    """

    name: str
    requests: Decimal
    tokens: Decimal
    usd_per_hour: Decimal
    errors: Decimal
    p50: float | None
    p95: float | None


Bucket = tuple[float, float]
"""An upper bound in seconds, and the number of requests that took at most that long."""


def quantile(share: float, buckets: Sequence[Bucket]) -> float | None:
    """The quantile of a cumulative histogram, computed as Prometheus' `histogram_quantile`."""
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
    """The quantile of sorted values, rounded up to the next value."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """`part / whole`, 0 if `whole` is 0."""
    return part / whole if whole else Decimal(0)
