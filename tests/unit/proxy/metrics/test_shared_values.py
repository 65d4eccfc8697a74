"""The metrics of several workers: each exports what a single process would."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from proxy.metrics.registry import Metrics
from proxy.metrics.shared_values import SharedValues
from proxy.segments.record import UsageRecord
from tests.support.arbitrary import UNTIMED

WORKERS = 3


def forked(values: SharedValues) -> SharedValues:
    """The values in a process that has just been forked: it shares the memory and the file of keys."""
    copied = copy.copy(values)
    copied._indexes, copied._used = {}, {False: 0, True: 0}
    return copied


SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)


class Library:
    """The same metrics with prometheus_client's own counters."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
        self.registry = CollectorRegistry()
        self._requests = self._counter("relay_requests", "Requests ended.", "model", "status")
        self._tokens = self._counter("relay_tokens", "Tokens used.", "model", "type")
        self._cost = self._counter("relay_cost_usd", "Money spent, in USD.", "model")
        self._limited = self._counter("relay_rate_limit_hits", "Requests refused with 429.", "limit_type")
        self._hits = self._counter("relay_cache_hits", "Answers from the cache.", "model")
        self._pii = self._counter("relay_pii_entities", "Personal data scrubbed.", "entity_type")
        self._unpriced = self._counter("relay_unpriced_requests", "Requests without a known price.", "model")
        self._counter("relay_content_policy_blocks", "Requests refused by policy.")
        self._counter("relay_log_records", "Records written to segments.")
        self._counter("relay_log_write_errors", "Failed writes to a segment.")
        Gauge("relay_active_requests", "Requests in progress.", registry=self.registry)
        Gauge("relay_log_unsynced_bytes", "Bytes written but not yet on disk.", registry=self.registry)
        self._duration = self._histogram("relay_request_duration_seconds", "Arrival to the last byte sent.")
        self._first = self._histogram(
            "relay_time_to_first_token_seconds", "Arrival to the first content byte of a stream."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, ("model",), buckets=SECONDS, registry=self.registry)

    def observe(self, record: UsageRecord) -> None:
        """Counts a request that has ended."""
        self._requests.labels(record.model, record.status).inc()
        self._duration.labels(record.model).observe(float(record.latency_ms) / 1000)
        if record.ttft_ms is not None:
            self._first.labels(record.model).observe(float(record.ttft_ms) / 1000)
        self._tokens.labels(record.model, "prompt").inc(record.prompt_tokens)
        self._tokens.labels(record.model, "completion").inc(record.completion_tokens)
        if record.cost_usd is None:
            self._unpriced.labels(record.model).inc()
        else:
            self._cost.labels(record.model).inc(float(record.cost_usd))
        if record.limit_type:
            self._limited.labels(record.limit_type).inc()
        if record.cache_hit:
            self._hits.labels(record.model).inc()
        for entity, found in record.pii_entities.items():
            self._pii.labels(entity).inc(found)

    def text(self) -> bytes:
        """All metrics, in Prometheus' text format."""
        return generate_latest(self.registry)


def declared(metrics: Metrics | Library) -> list[tuple[str, str, str]]:
    """Name, type and help of every metric, with values or without."""
    registry = metrics.registry if isinstance(metrics, Library) else metrics._registry
    return [(family.name, family.type, family.documentation) for family in registry.collect()]


class Workers:
    """Workers in one process that share their values."""

    def __init__(self) -> None:
        self.values = SharedValues(WORKERS)
        self._metrics = [self._start(worker) for worker in range(WORKERS)]

    def _start(self, worker: int) -> Metrics:
        values = forked(self.values)
        values.join(worker)
        return Metrics(CollectorRegistry(), str, values)

    def at(self, worker: int) -> Metrics:
        """A worker's metrics."""
        return self._metrics[worker]

    def die(self, worker: int) -> None:
        """Replaces the worker as if it had died."""
        self.values.reset_gauges(worker)
        self._metrics[worker] = self._start(worker)

    def close(self) -> None:
        """Ends them all."""
        self.values.close()


def record(model: str, status: int, **changes: Any) -> UsageRecord:
    made: dict[str, Any] = {
        "request_id": "req_1",
        "created_at": datetime(2026, 11, 1, tzinfo=UTC),
        "user_id": "ada",
        "team_id": "engines",
        "model": model,
        "status": status,
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
    }
    return UsageRecord(**(made | changes))


# Amounts that a double holds exactly, so that the order in which they are added makes no difference.
RECORDS = st.builds(
    record,
    st.sampled_from(["gpt-4o", 'a"b\\c\n', "claude"]),
    st.sampled_from([200, 429, 499]),
    latency_ms=st.integers(0, 400).map(lambda seconds: Decimal(250 * seconds)),
    ttft_ms=st.none() | st.just(Decimal(500)),
    cost_usd=st.none() | st.just(Decimal("0.25")),
    limit_type=st.none() | st.just("rpm"),
    cache_hit=st.booleans(),
    pii_entities=st.just({}) | st.just({"EMAIL_ADDRESS": 2}),
)
EVENTS = st.lists(st.tuples(st.integers(0, WORKERS - 1), st.none() | RECORDS), max_size=30)


@UNTIMED
@given(events=EVENTS, asked=st.integers(0, WORKERS - 1))
def test_every_worker_exports_the_totals_of_all_workers(
    events: list[tuple[int, UsageRecord | None]], asked: int
) -> None:
    alone = Library()
    with closing(Workers()) as workers:
        for worker, counted in events:
            if counted is None:
                workers.die(worker)
                continue
            alone.observe(counted)
            workers.at(worker).observe(counted)
        assert sorted(workers.at(asked).text().splitlines()) == sorted(alone.text().splitlines())
        assert sorted(declared(workers.at(asked))) == sorted(declared(alone))


def test_gauge_is_the_sum_of_the_living_workers(workers: Workers) -> None:
    workers.at(0).active.inc()
    workers.at(1).active.inc()
    workers.at(1).active.inc()
    workers.at(2).log_unsynced.set(10)
    workers.at(0).log_unsynced.set(5)
    assert gauges(workers.at(2)) == (3, 15)
    workers.die(1)
    assert gauges(workers.at(0)) == (1, 15)
    workers.at(1).active.inc()
    workers.die(2)
    assert gauges(workers.at(2)) == (2, 5)


def test_incomplete_key_of_a_killed_worker_is_removed(workers: Workers) -> None:
    workers.at(0).observe(record("gpt-4o", 200))
    keys = workers.values._file
    assert keys is not None
    keys.seek(0, 2)
    keys.write(b'["relay_tokens","relay_tokens_total",["half')
    keys.flush()
    assert b'model="gpt-4o",status="200"} 1.0' in workers.at(1).text()
    workers.at(1).observe(record("claude", 200))
    assert b'model="claude",status="200"} 1.0' in workers.at(2).text()


@pytest.fixture
def workers() -> Iterator[Workers]:
    with closing(Workers()) as workers:
        yield workers


def gauges(metrics: Metrics) -> tuple[float, float]:
    """The gauges in `/metrics`."""
    lines = dict(line.rsplit(" ", 1) for line in metrics.text().decode().splitlines() if line[0] != "#")
    return float(lines["relay_active_requests"]), float(lines["relay_log_unsynced_bytes"])
