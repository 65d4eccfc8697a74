"""The doctor's findings as a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from relayctl.doctor.finding import Finding
from relayctl.render.sheet import Column, Sheet

SCHEMA = "relay.doctor/v1"

_COLUMNS = (
    Column(name="check", title="check"),
    Column(name="state", title="state"),
    Column(name="what", title="found"),
    Column(name="advice", title="what to do"),
)


def findings_sheet(findings: Sequence[Finding]) -> Sheet:
    """Every finding in the order it was made."""
    rows = [asdict(finding) for finding in findings]
    return Sheet(columns=_COLUMNS, rows=rows, document={"schema": SCHEMA, "findings": rows})
