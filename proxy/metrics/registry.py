"""The live counters of the contract, on a registry that is given; no user, team or key is ever a label.

prometheus_client's own counters take thirty calls to count a request. So values stand in the cells of a
`Board`, and the library makes of them, through its interface for collectors, what Prometheus reads.
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

from proxy.metrics.shared_values import Board, Value
from proxy.segments.record import UsageRecord

# Language models answer in a tenth of a second or in five minutes.
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)
_BUCKETS: Final = (*(str(float(bound)) for bound in _SECONDS), "+Inf")
_SUM: Final = len(_BUCKETS)  # the cell after those of the buckets

TEXT_TYPE: Final = CONTENT_TYPE_LATEST
"""The content type of what `Metrics.text` gives."""

_GAUGES: Final = {
    "relay_active_requests": "Requests in progress.",
    "relay_log_unsynced_bytes": "Bytes written but not yet on disk.",
}
_HISTOGRAMS: Final = {
    "relay_request_duration_seconds": "Arrival to the last byte sent.",
    "relay_time_to_first_token_seconds": "Arrival to the first content byte of a stream.",
}
_COUNTERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "relay_requests": ("Requests ended.", ("model", "status")),
    "relay_tokens": ("Tokens used.", ("model", "type")),
    "relay_cost_usd": ("Money spent, in USD.", ("model",)),
    "relay_rate_limit_hits": ("Requests refused with 429.", ("limit_type",)),
    "relay_cache_hits": ("Answers from the cache.", ("model",)),
    "relay_pii_entities": ("Personal data scrubbed.", ("entity_type",)),
    "relay_unpriced_requests": ("Requests without a known price.", ("model",)),
    "relay_content_policy_blocks": ("Requests refused by policy.", ()),
    "relay_log_records": ("Records written to segments.", ()),
    "relay_log_write_errors": ("Failed writes to a segment.", ()),
}


class Metrics(Collector):
    """Every metric of the proxy. `label` turns a model as asked for into a label from a bounded set.

    A worker of several has joined a `board` before.
    """

    def __init__(
        self, registry: CollectorRegistry, label: Callable[[str], str], board: Board | None = None
    ) -> None:
        self._label = label
        self._registry = registry
        self._board = board = board or Board()
        self._counts = board.counts
        # Where cells begin; the labels are a bounded set.
        self._at = cache(lambda metric, *labels: board.place(metric, tuple(map(str, labels))))
        self._histogram = cache(lambda metric, model: board.place(metric, (model,), width=_SUM + 1))
        self.active = board.gauge("relay_active_requests")
        self.log_unsynced = board.gauge("relay_log_unsynced_bytes")
        self.policy_blocks = self._counter("relay_content_policy_blocks")
        self.log_records = self._counter("relay_log_records")
        self.log_errors = self._counter("relay_log_write_errors")
        registry.register(self)

    def _counter(self, metric: str) -> Value:
        return Value(self._counts, self._board.place(metric))

    def observe(self, record: UsageRecord) -> None:
        """Counts a request that has ended. Called on the thread of the event loop only."""
        model, counts, at = self._label(record.model), self._counts, self._at
        counts[at("relay_requests", model, record.status)] += 1
        self._observe("relay_request_duration_seconds", model, float(record.latency_ms) / 1000)
        if record.ttft_ms is not None:
            self._observe("relay_time_to_first_token_seconds", model, float(record.ttft_ms) / 1000)
        counts[at("relay_tokens", model, "prompt")] += record.prompt_tokens
        counts[at("relay_tokens", model, "completion")] += record.completion_tokens
        if record.cost_usd is None:
            counts[at("relay_unpriced_requests", model)] += 1
        else:
            counts[at("relay_cost_usd", model)] += float(record.cost_usd)
        if record.limit_type:
            counts[at("relay_rate_limit_hits", record.limit_type)] += 1
        if record.cache_hit:
            counts[at("relay_cache_hits", model)] += 1
        for entity, found in record.pii_entities.items():
            counts[at("relay_pii_entities", entity)] += found

    def _observe(self, metric: str, model: str, seconds: float) -> None:
        begins = self._histogram(metric, model)
        self._counts[begins + bisect_left(_SECONDS, seconds)] += 1
        self._counts[begins + _SUM] += seconds

    def text(self) -> bytes:
        """All metrics, of all workers together, in Prometheus' text format (`TEXT_TYPE`)."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Every metric there can be, without a value."""
        return _families().values()

    def collect(self) -> Iterable[Metric]:
        """Every metric with what all workers have counted."""
        families = _families()
        for metric, labels, cells in self._board.sums():
            family = families[metric]
            if isinstance(family, HistogramMetricFamily):
                counted = zip(_BUCKETS, accumulate(cells[:_SUM]), strict=True)
                family.add_metric(labels, list(counted), sum_value=cells[_SUM])
            else:
                family.add_metric(labels, cells[0])
        return families.values()


_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def _families() -> dict[str, _Family]:
    found: dict[str, _Family] = {
        name: CounterMetricFamily(name, text, labels=labels) for name, (text, labels) in _COUNTERS.items()
    }
    found |= {
        name: HistogramMetricFamily(name, text, labels=("model",)) for name, text in _HISTOGRAMS.items()
    }
    return found | {name: GaugeMetricFamily(name, text, labels=()) for name, text in _GAUGES.items()}
