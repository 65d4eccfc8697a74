"""Builds the sheet of `alert-check`."""

from __future__ import annotations

from relayctl.alerts.annotations import expand
from relayctl.alerts.check import Check
from relayctl.alerts.verdict import STATES, Verdict, worst_first
from relayctl.render.sheet import Column, Sheet
from relayctl.reports.json_documents import time_label

ALERTS_SCHEMA = "relay.alerts/v1"

_COLUMNS = (
    Column(name="alert", title="alert"),
    Column(name="state", title="state"),
    Column(name="severity", title="severity", weight=3),
    Column(name="value", title="value", kind="figure"),
    Column(name="threshold", title="threshold", weight=7),
    Column(name="since", title="since", kind="time", weight=8),
    Column(name="labels", title="of", weight=6),
    Column(name="note", title="note", weight=5),
)


def alerts_sheet(check: Check) -> Sheet:
    """A row for each verdict, the worst first; the JSON adds the annotations of active alerts."""
    ordered = worst_first(check.verdicts)
    at = time_label(check.at)
    counts = {state: sum(one.state == state for one in ordered) for state in STATES}
    summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return Sheet(
        columns=_COLUMNS,
        rows=[_row(one) for one in ordered],
        document={
            "schema": ALERTS_SCHEMA,
            "at": at,
            "source": check.source,
            "budgets_as_of": _as_of(check),
            "alerts": [_document(one) for one in ordered],
        },
        header=[
            f"At {at}, from {check.source}: {summary or 'no alerts in the rules'}",
            *_budgets_line(check),
        ],
    )


def _as_of(check: Check) -> str | None:
    moment = check.budgets.as_of if check.budgets else None
    return time_label(moment) if moment else None


def _budgets_line(check: Check) -> list[str]:
    if not check.budgets or not check.budgets.usages:
        return []
    as_of = _as_of(check)
    known = f"everything sealed before {as_of}" if as_of else "nothing: no record was ever loaded"
    return [f"Budgets hold {known}"]


def _own_labels(verdict: Verdict) -> dict[str, str]:
    return {name: value for name, value in verdict.labels.items() if name not in ("alertname", "severity")}


def _row(verdict: Verdict) -> dict[str, object]:
    return {
        "alert": verdict.rule.name,
        "state": verdict.state,
        "severity": verdict.rule.labels.get("severity", ""),
        "value": verdict.value,
        "threshold": verdict.threshold,
        "since": verdict.since and time_label(verdict.since),
        "labels": ", ".join(f"{name}={value}" for name, value in sorted(_own_labels(verdict).items())),
        "note": verdict.reason,
    }


def _document(verdict: Verdict) -> dict[str, object]:
    texts = verdict.rule.annotations if verdict.state in ("firing", "pending") else {}
    return {
        "alert": verdict.rule.name,
        "state": verdict.state,
        "value": verdict.value,
        "threshold": verdict.threshold,
        "since": verdict.since and time_label(verdict.since),
        "labels": dict(verdict.labels),
        "annotations": {name: expand(text, verdict.labels, verdict.value) for name, text in texts.items()},
        "note": verdict.reason,
    }
