"""Rates per model over the last minute, from a proxy's `/metrics`."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from relayctl.errors import RelayctlError
from relayctl.top.rates import Bucket, Rates, quantile, ratio

WINDOW_SECONDS: Final = 60.0
_TIMEOUT_SECONDS: Final = 3.0


class MetricsError(RelayctlError):
    """The proxy's metrics cannot be read."""


@dataclass
class ModelCounters:
    """The counters of one model since the proxy started."""

    requests: Decimal = Decimal(0)
    errors: Decimal = Decimal(0)
    tokens: Decimal = Decimal(0)
    usd: Decimal = Decimal(0)
    buckets: dict[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """All counters at a time of the monotonic clock, and the number of requests in progress."""

    at: float
    active: int
    models: Mapping[str, ModelCounters]


def fetch(url: str, master_key: str | None) -> str:
    """Fetches the text of a proxy's `/metrics`. Raises `MetricsError`."""
    headers = {"Authorization": f"Bearer {master_key}"} if master_key else {}
    try:
        answer = httpx.get(f"{url.rstrip('/')}/metrics", headers=headers, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise MetricsError(f"no proxy answers at {url} ({type(error).__name__}); give --url") from error
    if answer.status_code == 401:
        raise MetricsError(f"{url}/metrics requires the master key: set PROXY_MASTER_KEY")
    if answer.status_code != 200:
        raise MetricsError(f"{url}/metrics answers {answer.status_code}; is it a Relay proxy?")
    return answer.text


def read(text: str, at: float) -> Snapshot:
    """Parses Prometheus' text format. Raises `MetricsError` if it is invalid."""
    models: defaultdict[str, ModelCounters] = defaultdict(ModelCounters)
    active = 0
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                value, labels = Decimal(repr(sample.value)), sample.labels
                model = models[labels["model"]] if "model" in labels else ModelCounters()
                match sample.name:
                    case "relay_requests_total":
                        model.requests += value
                        model.errors += value if int(labels["status"]) >= 400 else 0
                    case "relay_tokens_total":
                        model.tokens += value
                    case "relay_cost_usd_total":
                        model.usd += value
                    case "relay_request_duration_seconds_bucket":
                        model.buckets[float(labels["le"])] = sample.value
                    case "relay_active_requests":
                        active = int(value)
    except (ValueError, KeyError, ArithmeticError) as error:
        raise MetricsError("the proxy's /metrics is not Prometheus' text format") from error
    return Snapshot(at, active, dict(models))


class MetricsWindow:
    """The snapshots of the last minute."""

    def __init__(self) -> None:
        self._snapshots: deque[Snapshot] = deque()

    def add(self, snapshot: Snapshot) -> None:
        """Adds the newest snapshot; drops the older ones if the proxy was restarted."""
        if self._snapshots and _all(snapshot).requests < _all(self._snapshots[-1]).requests:
            self._snapshots.clear()
        self._snapshots.append(snapshot)
        while len(self._snapshots) > 2 and snapshot.at - self._snapshots[1].at >= WINDOW_SECONDS:
            self._snapshots.popleft()

    @property
    def active(self) -> int:
        """Requests in progress."""
        return self._snapshots[-1].active if self._snapshots else 0

    def all(self) -> Rates:
        """The rates of all models together."""
        if not self._snapshots:
            return _rates("all", ModelCounters(), ModelCounters(), 0)
        old, new = self._snapshots[0], self._snapshots[-1]
        return _rates("all", _all(old), _all(new), new.at - old.at)

    def by_model(self) -> list[Rates]:
        """The rates of each model with requests in the window, the busiest first."""
        if not self._snapshots:
            return []
        old, new = self._snapshots[0], self._snapshots[-1]
        rows = [
            _rates(name, old.models.get(name, ModelCounters()), model, new.at - old.at)
            for name, model in new.models.items()
        ]
        return sorted((row for row in rows if row.requests), key=lambda row: (-row.requests, row.name))


def _all(snapshot: Snapshot) -> ModelCounters:
    total = ModelCounters()
    for model in snapshot.models.values():
        total.requests += model.requests
        total.errors += model.errors
        total.tokens += model.tokens
        total.usd += model.usd
        for bound, count in model.buckets.items():
            total.buckets[bound] = total.buckets.get(bound, 0.0) + count
    return total


def _rates(name: str, old: ModelCounters, new: ModelCounters, seconds: float) -> Rates:
    span = Decimal(repr(seconds)) if seconds > 0 else Decimal(1)
    requests = new.requests - old.requests
    buckets: list[Bucket] = [
        (bound, count - old.buckets.get(bound, 0.0)) for bound, count in sorted(new.buckets.items())
    ]
    return Rates(
        name=name,
        requests=requests / span,
        tokens=(new.tokens - old.tokens) / span,
        usd_per_hour=(new.usd - old.usd) / span * 3600,
        errors=ratio(new.errors - old.errors, requests),
        p50=quantile(0.5, buckets),
        p95=quantile(0.95, buckets),
    )
