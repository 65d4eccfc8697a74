"""Builds the sheet of `doctor`."""

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
    """A row for each finding, in the order of the checks."""
    rows = [asdict(finding) for finding in findings]
    return Sheet(columns=_COLUMNS, rows=rows, document={"schema": SCHEMA, "findings": rows})
