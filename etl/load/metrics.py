"""The ETL's metrics as a text file for Prometheus' node exporter: totals from the database, not of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.core import CounterMetricFamily

from etl.database.connection import connect
from etl.errors import EtlError
from etl.load import status
from etl.load.status import Status


class _Records:
    """`relay_etl_records_total`; a line that was rejected and is loaded since counts under both results."""

    def __init__(self, found: Status) -> None:
        self._found = found

    def collect(self) -> list[CounterMetricFamily]:
        family = CounterMetricFamily("relay_etl_records", "Lines by what became of them.", labels=["result"])
        family.add_metric(["loaded"], self._found.loaded)
        family.add_metric(["duplicate"], self._found.duplicate)
        family.add_metric(["rejected"], self._found.rejected + self._found.retried)
        return [family]


def _registry(found: Status, now: datetime) -> CollectorRegistry:
    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(name, text, registry=registry).set(value)

    gauge(
        "relay_etl_last_success_timestamp_seconds",
        "Start of the last run after which every sealed segment was loaded; 0 when there was none.",
        found.as_of.timestamp() if found.as_of else 0,
    )
    gauge(
        "relay_etl_lag_seconds",
        "Age of the oldest sealed segment that is not loaded; 0 when none waits.",
        max(0.0, (now - found.oldest_waiting).total_seconds()) if found.oldest_waiting else 0,
    )
    # A gauge, for all its name: a segment that comes late brings lines that were missing.
    gauge(
        "relay_etl_missing_lines_total",
        "Line numbers of the writers that stand in no loaded segment.",
        found.missing_lines,
    )
    registry.register(_Records(found))
    return registry


def write(url: str, directory: Path, file: Path) -> None:
    """Writes how the database and the directory stand to a file, whole or not at all. Raises `EtlError`."""
    with connect(url) as connection:
        found = status.read(connection, directory)
    try:
        write_to_textfile(str(file), _registry(found, datetime.now(UTC)))
    except OSError as error:
        raise EtlError(f"metrics file {file} cannot be written: {error.strerror}") from error
