"""Writes the same requests as segments of a log directory and as scraped metrics in Prometheus blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from proxy.metrics.registry import Metrics
from proxy.segments.record import UsageRecord
from tests.support.monitoring.promtool import promtool
from tests.support.report_data import record, write_segment

SCRAPE = timedelta(seconds=15)
_PER_SEGMENT = 2000


def request(number: int, ended_at: datetime, *, seconds: float = 0.2, **changes: object) -> UsageRecord:
    """The record of a request that ended at `ended_at` and took `seconds`."""
    latency = Decimal(str(seconds)) * 1000
    created_at = ended_at - timedelta(seconds=seconds)
    return msgspec.structs.replace(record(number), created_at=created_at, latency_ms=latency, **changes)


def ended_at(one: UsageRecord) -> datetime:
    """When the request ended."""
    return one.created_at + timedelta(milliseconds=float(one.latency_ms))


def write_logs(directory: Path, records: Sequence[UsageRecord]) -> None:
    """Writes the records as sealed segments."""
    directory.mkdir()
    for number, start in enumerate(range(0, len(records), _PER_SEGMENT), start=1):
        write_segment(directory, records[start : start + _PER_SEGMENT], number=number)


def write_blocks(directory: Path, records: Sequence[UsageRecord], since: datetime, until: datetime) -> None:
    """Writes Prometheus TSDB blocks: the proxy's metrics of these requests, scraped every 15 seconds."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, str)
    waiting = sorted(records, key=ended_at, reverse=True)
    file = directory.with_suffix(".openmetrics")
    with file.open("w", encoding="utf-8") as lines:
        moment = since
        while moment <= until:
            while waiting and ended_at(waiting[-1]) <= moment:
                metrics.observe(waiting.pop())
            _scrape(registry, moment, lines.write)
            moment += SCRAPE
        lines.write("# EOF\n")
    promtool("tsdb", "create-blocks-from", "openmetrics", file, directory)


def _scrape(registry: CollectorRegistry, moment: datetime, write: Callable[[str], object]) -> None:
    for family in registry.collect():
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            write(f"{sample.name}{{{labels}}} {sample.value} {moment.timestamp()}\n")
