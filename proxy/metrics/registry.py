"""The Prometheus metrics of the proxy. No label names a user, team or key.

A new metric is a row in `_METRICS`, the place where it is counted, and its test in `test_shared_values.py`.
prometheus_client's own counters take thirty calls to count a request, so the values are in `SharedValues` and
are exported through the library's collector interface.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import cache
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from proxy.metrics.shared_values import SharedValues, Value
from proxy.segments.record import UsageRecord

# Answers take from a tenth of a second to five minutes.
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)
_BUCKETS: Final = (*(str(float(bound)) for bound in _SECONDS), "+Inf")
_SUM: Final = len(_BUCKETS)  # index of the sum, after the buckets

TEXT_TYPE: Final = CONTENT_TYPE_LATEST
"""The content type of `Metrics.text`."""

_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
# Name, type, help and labels of every metric. Counters are exported with the suffix `_total`.
_METRICS: Final[dict[str, tuple[type[_Family], str, tuple[str, ...]]]] = {
    "relay_requests": (CounterMetricFamily, "Requests ended.", ("model", "status")),
    "relay_tokens": (CounterMetricFamily, "Tokens used.", ("model", "type")),
    "relay_cost_usd": (CounterMetricFamily, "Money spent, in USD.", ("model",)),
    "relay_rate_limit_hits": (CounterMetricFamily, "Requests refused with 429.", ("limit_type",)),
    "relay_cache_hits": (CounterMetricFamily, "Answers from the cache.", ("model",)),
    "relay_pii_entities": (CounterMetricFamily, "Personal data scrubbed.", ("entity_type",)),
    "relay_unpriced_requests": (CounterMetricFamily, "Requests without a known price.", ("model",)),
    "relay_content_policy_blocks": (CounterMetricFamily, "Requests refused by policy.", ()),
    "relay_log_records": (CounterMetricFamily, "Records written to segments.", ()),
    "relay_log_write_errors": (CounterMetricFamily, "Failed writes to a segment.", ()),
    "relay_request_duration_seconds": (HistogramMetricFamily, "Arrival to the last byte sent.", ("model",)),
    "relay_time_to_first_token_seconds": (
        HistogramMetricFamily,
        "Arrival to the first content byte of a stream.",
        ("model",),
    ),
    "relay_active_requests": (GaugeMetricFamily, "Requests in progress.", ()),
    "relay_log_unsynced_bytes": (GaugeMetricFamily, "Bytes written but not yet on disk.", ()),
}


class Metrics(Collector):
    """All metrics of the proxy. `label` maps a requested model to a label from a bounded set.

    With several workers, `values` is shared and has been joined before.
    """

    def __init__(
        self, registry: CollectorRegistry, label: Callable[[str], str], values: SharedValues | None = None
    ) -> None:
        self._label = label
        self._registry = registry
        self._values = values = values or SharedValues()
        self._counts = values.counts
        # The index of each value's first number, cached: the label sets are bounded.
        self._index = cache(lambda metric, *labels: values.allocate(metric, tuple(map(str, labels))))
        self._histogram = cache(lambda metric, model: values.allocate(metric, (model,), width=_SUM + 1))
        self.active = values.gauge("relay_active_requests")
        self.log_unsynced = values.gauge("relay_log_unsynced_bytes")
        self.policy_blocks = self._counter("relay_content_policy_blocks")
        self.log_records = self._counter("relay_log_records")
        self.log_errors = self._counter("relay_log_write_errors")
        registry.register(self)

    def _counter(self, metric: str) -> Value:
        return Value(self._counts, self._values.allocate(metric))

    def observe(self, record: UsageRecord) -> None:
        """Counts a request that has ended. Called from the event loop only."""
        model, counts, index = self._label(record.model), self._counts, self._index
        counts[index("relay_requests", model, record.status)] += 1
        self._observe("relay_request_duration_seconds", model, float(record.latency_ms) / 1000)
        if record.ttft_ms is not None:
            self._observe("relay_time_to_first_token_seconds", model, float(record.ttft_ms) / 1000)
        counts[index("relay_tokens", model, "prompt")] += record.prompt_tokens
        counts[index("relay_tokens", model, "completion")] += record.completion_tokens
        if record.cost_usd is None:
            counts[index("relay_unpriced_requests", model)] += 1
        else:
            counts[index("relay_cost_usd", model)] += float(record.cost_usd)
        if record.limit_type:
            counts[index("relay_rate_limit_hits", record.limit_type)] += 1
        if record.cache_hit:
            counts[index("relay_cache_hits", model)] += 1
        for entity, found in record.pii_entities.items():
            counts[index("relay_pii_entities", entity)] += found

    def _observe(self, metric: str, model: str, seconds: float) -> None:
        start = self._histogram(metric, model)
        self._counts[start + bisect_left(_SECONDS, seconds)] += 1
        self._counts[start + _SUM] += seconds

    def text(self) -> bytes:
        """All metrics, of all workers together, in Prometheus' text format (`TEXT_TYPE`)."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Every metric, without values."""
        return _families().values()

    def collect(self) -> Iterable[Metric]:
        """Every metric with the totals of all workers."""
        families = _families()
        for metric, labels, numbers in self._values.totals():
            family = families[metric]
            if isinstance(family, HistogramMetricFamily):
                counted = zip(_BUCKETS, accumulate(numbers[:_SUM]), strict=True)
                family.add_metric(labels, list(counted), sum_value=numbers[_SUM])
            else:
                family.add_metric(labels, numbers[0])
        return families.values()


def _families() -> dict[str, _Family]:
    return {name: family(name, text, labels=labels) for name, (family, text, labels) in _METRICS.items()}
