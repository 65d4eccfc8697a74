"""The budgets' metrics as a text file for Prometheus' node exporter; the label is a budget's own name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from relayctl.alerts.budgets import Spent
from relayctl.errors import RelayctlError


def write(spent: Sequence[Spent], file: Path) -> None:
    """Writes how the budgets stand to a file, whole or not at all. Raises `RelayctlError`."""
    registry = CollectorRegistry()
    used = Gauge(
        "relay_budget_used_ratio", "Share of the budget that is used.", ("budget",), registry=registry
    )
    warn = Gauge(
        "relay_budget_warn_ratio", "Share from which a warning is due.", ("budget",), registry=registry
    )
    for one in spent:
        used.labels(one.budget.name).set(float(one.ratio))
        warn.labels(one.budget.name).set(float(one.budget.warn))
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise RelayctlError(f"metrics file {file} cannot be written: {error.strerror}") from error
