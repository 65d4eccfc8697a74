"""The live counters of the contract, on a registry that is given; no user, team or key is ever a label."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from proxy.record import UsageRecord

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it unannotated

# Language models answer in a tenth of a second or in five minutes.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)


class Metrics:
    """Every metric of the proxy. `label` turns a model as asked for into a label from a bounded set."""

    def __init__(self, registry: CollectorRegistry, label: Callable[[str], str]) -> None:
        self._label = label
        self.registry = registry

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(name, text, ("model",), buckets=_SECONDS, registry=registry)

        self._requests = counter("relay_requests_total", "Requests ended.", "model", "status")
        self._duration = histogram("relay_request_duration_seconds", "Arrival to the last byte sent.")
        self._first_token = histogram(
            "relay_time_to_first_token_seconds", "Arrival to the first content byte of a stream."
        )
        self._tokens = counter("relay_tokens_total", "Tokens used.", "model", "type")
        self._cost = counter("relay_cost_usd_total", "Money spent, in USD.", "model")
        self._limited = counter("relay_rate_limit_hits_total", "Requests refused with 429.", "limit_type")
        self._cache_hits = counter("relay_cache_hits_total", "Answers from the cache.", "model")
        self._pii = counter("relay_pii_entities_total", "Personal data scrubbed.", "entity_type")
        self._unpriced = counter("relay_unpriced_requests_total", "Requests without a known price.", "model")
        self.policy_blocks = counter("relay_content_policy_blocks_total", "Requests refused by policy.")
        self.active = Gauge("relay_active_requests", "Requests in progress.", registry=registry)
        self.log_records = counter("relay_log_records_total", "Records written to segments.")
        self.log_errors = counter("relay_log_write_errors_total", "Failed writes to a segment.")
        self.log_unsynced = Gauge(
            "relay_log_unsynced_bytes", "Bytes written but not yet on disk.", registry=registry
        )

    def observe(self, record: UsageRecord) -> None:
        """Counts a request that has ended."""
        model = self._label(record.model)
        self._requests.labels(model, str(record.status)).inc()
        self._duration.labels(model).observe(float(record.latency_ms) / 1000)
        if record.ttft_ms is not None:
            self._first_token.labels(model).observe(float(record.ttft_ms) / 1000)
        self._tokens.labels(model, "prompt").inc(record.prompt_tokens)
        self._tokens.labels(model, "completion").inc(record.completion_tokens)
        if record.cost_usd is None:
            self._unpriced.labels(model).inc()
        else:
            self._cost.labels(model).inc(float(record.cost_usd))
        if record.limit_type:
            self._limited.labels(record.limit_type).inc()
        if record.cache_hit:
            self._cache_hits.labels(model).inc()
        for entity, found in record.pii_entities.items():
            self._pii.labels(entity).inc(found)
