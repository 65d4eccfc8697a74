"""The metrics of a proxy over the last minute, by model."""

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
_TIMEOUT: Final = 3.0


class NoMetricsError(RelayctlError):
    """The proxy's metrics cannot be read."""


@dataclass
class Model:
    """The counters of one model since the proxy's start."""

    requests: Decimal = Decimal(0)
    errors: Decimal = Decimal(0)
    tokens: Decimal = Decimal(0)
    usd: Decimal = Decimal(0)
    buckets: dict[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """All counters at a moment of the monotonic clock, and how many requests are in progress."""

    at: float
    active: int
    models: Mapping[str, Model]


def fetch(url: str, master_key: str | None) -> str:
    """The text of a proxy's `/metrics`. Raises `NoMetricsError`."""
    headers = {"Authorization": f"Bearer {master_key}"} if master_key else {}
    try:
        answer = httpx.get(f"{url.rstrip('/')}/metrics", headers=headers, timeout=_TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoMetricsError(f"no proxy answers at {url} ({type(error).__name__}); give --url") from error
    if answer.status_code == 401:
        raise NoMetricsError(f"{url}/metrics wants the master key: set PROXY_MASTER_KEY")
    if answer.status_code != 200:
        raise NoMetricsError(f"{url}/metrics answers {answer.status_code}; is it a Relay proxy?")
    return answer.text


def read(text: str, at: float) -> Reading:
    """The counters in Prometheus' text format. Raises `NoMetricsError` for what is none."""
    models: defaultdict[str, Model] = defaultdict(Model)
    active = 0
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                value, labels = Decimal(repr(sample.value)), sample.labels
                model = models[labels["model"]] if "model" in labels else Model()
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
        raise NoMetricsError("the proxy's /metrics is not Prometheus' text format") from error
    return Reading(at, active, dict(models))


class Meters:
    """The readings of the last minute."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque()

    def add(self, reading: Reading) -> None:
        """Takes the newest reading; after a restart of the proxy the older ones count no more."""
        if self._readings and _all(reading).requests < _all(self._readings[-1]).requests:
            self._readings.clear()
        self._readings.append(reading)
        while len(self._readings) > 2 and reading.at - self._readings[1].at >= WINDOW_SECONDS:
            self._readings.popleft()

    @property
    def active(self) -> int:
        """Requests in progress."""
        return self._readings[-1].active if self._readings else 0

    def all(self) -> Rates:
        """Every model together."""
        if not self._readings:
            return _rates("all", Model(), Model(), 0)
        old, new = self._readings[0], self._readings[-1]
        return _rates("all", _all(old), _all(new), new.at - old.at)

    def by_model(self) -> list[Rates]:
        """Each model that was asked for in the window, the busiest first."""
        if not self._readings:
            return []
        old, new = self._readings[0], self._readings[-1]
        rows = [
            _rates(name, old.models.get(name, Model()), model, new.at - old.at)
            for name, model in new.models.items()
        ]
        return sorted((row for row in rows if row.requests), key=lambda row: (-row.requests, row.name))


def _all(reading: Reading) -> Model:
    total = Model()
    for model in reading.models.values():
        total.requests += model.requests
        total.errors += model.errors
        total.tokens += model.tokens
        total.usd += model.usd
        for bound, count in model.buckets.items():
            total.buckets[bound] = total.buckets.get(bound, 0.0) + count
    return total


def _rates(name: str, old: Model, new: Model, seconds: float) -> Rates:
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
