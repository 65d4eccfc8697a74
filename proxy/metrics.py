"""The live counters of the contract, on a registry that is given; no user, team or key is ever a label."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from proxy.metrics_board import Board
from proxy.record import UsageRecord

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it unannotated

# Language models answer in a tenth of a second or in five minutes.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)

_Metric = TypeVar("_Metric", Counter, Histogram)

TEXT_TYPE: Final = CONTENT_TYPE_LATEST
"""The content type of what `Metrics.text` gives."""


class Metrics:
    """Every metric of the proxy. `label` turns a model as asked for into a label from a bounded set.

    A worker of several has joined a `board` before.
    """

    def __init__(
        self, registry: CollectorRegistry, label: Callable[[str], str], board: Board | None = None
    ) -> None:
        self._label = label
        self._registry = registry
        self._board = board
        self._labelled: dict[str, Counter | Histogram] = {}

        # Looking a child up takes the library longer than counting does; the labels are a bounded set.
        def counters(name: str, text: str, *labels: str) -> Callable[..., Counter]:
            return cache(self._keep(Counter(name, text, labels, registry=registry)).labels)

        def histograms(name: str, text: str) -> Callable[..., Histogram]:
            metric = Histogram(name, text, ("model",), buckets=_SECONDS, registry=registry)
            return cache(self._keep(metric).labels)

        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, registry=registry)

        self._requests = counters("relay_requests_total", "Requests ended.", "model", "status")
        self._duration = histograms("relay_request_duration_seconds", "Arrival to the last byte sent.")
        self._first_token = histograms(
            "relay_time_to_first_token_seconds", "Arrival to the first content byte of a stream."
        )
        self._tokens = counters("relay_tokens_total", "Tokens used.", "model", "type")
        self._cost = counters("relay_cost_usd_total", "Money spent, in USD.", "model")
        self._limited = counters("relay_rate_limit_hits_total", "Requests refused with 429.", "limit_type")
        self._cache_hits = counters("relay_cache_hits_total", "Answers from the cache.", "model")
        self._pii = counters("relay_pii_entities_total", "Personal data scrubbed.", "entity_type")
        self._unpriced = counters("relay_unpriced_requests_total", "Requests without a known price.", "model")
        self.policy_blocks = counter("relay_content_policy_blocks_total", "Requests refused by policy.")
        self.active = Gauge("relay_active_requests", "Requests in progress.", registry=registry)
        self.log_records = counter("relay_log_records_total", "Records written to segments.")
        self.log_errors = counter("relay_log_write_errors_total", "Failed writes to a segment.")
        self.log_unsynced = Gauge(
            "relay_log_unsynced_bytes", "Bytes written but not yet on disk.", registry=registry
        )

    def _keep(self, metric: _Metric) -> _Metric:
        for family in metric.describe():
            self._labelled[family.name] = metric
        return metric

    def text(self) -> bytes:
        """All metrics, of all workers together, in Prometheus' text format (`TEXT_TYPE`)."""
        if self._board is not None:
            # A model that only another worker has served must be here too, to be told.
            for name, labels in self._board.new_children():
                if labels:
                    self._labelled[name].labels(*labels)
        return generate_latest(self._registry)

    def observe(self, record: UsageRecord) -> None:
        """Counts a request that has ended."""
        model = self._label(record.model)
        self._requests(model, record.status).inc()
        self._duration(model).observe(float(record.latency_ms) / 1000)
        if record.ttft_ms is not None:
            self._first_token(model).observe(float(record.ttft_ms) / 1000)
        self._tokens(model, "prompt").inc(record.prompt_tokens)
        self._tokens(model, "completion").inc(record.completion_tokens)
        if record.cost_usd is None:
            self._unpriced(model).inc()
        else:
            self._cost(model).inc(float(record.cost_usd))
        if record.limit_type:
            self._limited(record.limit_type).inc()
        if record.cache_hit:
            self._cache_hits(model).inc()
        for entity, found in record.pii_entities.items():
            self._pii(entity).inc(found)
