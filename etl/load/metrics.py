"""Writes the ETL's metrics in Prometheus' text format: totals from the database, not of a single run.

A new metric needs a line in `registry`; dashboards and alert tests take the declared metrics from there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.core import CounterMetricFamily

from etl.database.connection import connect
from etl.errors import EtlError
from etl.load import status
from etl.load.status import Status


class _RecordsCollector:
    """`relay_etl_records_total`; a line that was rejected and later loaded counts under both results."""

    def __init__(self, found: Status) -> None:
        self._found = found

    def collect(self) -> list[CounterMetricFamily]:
        family = CounterMetricFamily("relay_etl_records", "Lines by result.", labels=["result"])
        family.add_metric(["loaded"], self._found.loaded)
        family.add_metric(["duplicate"], self._found.duplicate)
        family.add_metric(["rejected"], self._found.rejected + self._found.retried)
        return [family]


def registry(found: Status, now: datetime) -> CollectorRegistry:
    """All metrics of the ETL, with the values of a status."""
    metrics = CollectorRegistry()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(name, text, registry=metrics).set(value)

    gauge(
        "relay_etl_last_success_timestamp_seconds",
        "Start of the last run after which every sealed segment was loaded; 0 before the first.",
        found.as_of.timestamp() if found.as_of else 0,
    )
    gauge(
        "relay_etl_lag_seconds",
        "Age of the oldest sealed segment that is not loaded; 0 when all are loaded.",
        max(0.0, (now - found.oldest_waiting).total_seconds()) if found.oldest_waiting else 0,
    )
    # A gauge despite its name: a segment that is loaded late brings missing lines.
    gauge(
        "relay_etl_missing_lines_total",
        "Line numbers of the writers that are in no loaded segment.",
        found.missing_lines,
    )
    metrics.register(_RecordsCollector(found))
    return metrics


def write(url: str, directory: Path, file: Path) -> None:
    """Writes the metrics of the database and the log directory to a file, atomically. Raises `EtlError`."""
    with connect(url) as connection:
        found = status.read(connection, directory)
    try:
        write_to_textfile(str(file), registry(found, datetime.now(UTC)))
    except OSError as error:
        raise EtlError(f"metrics file {file} cannot be written: {error.strerror}") from error
