"""Which shipped rules the logs can answer: those with a twin in SQL; of the others, why they cannot."""

from __future__ import annotations

from typing import Final

from relayctl.alerts.expression import conditions
from relayctl.alerts.rules import Rule, shipped

TWINS: Final = {
    "HighRateLimitHits": "alert_high_rate_limit_hits",
    "HighLatency": "alert_high_latency",
    "UpstreamErrors": "alert_upstream_errors",
    "UnpricedRequests": "alert_unpriced_requests",
    "AvailabilityBudgetBurnFast": "alert_availability_budget_burn_fast",
    "AvailabilityBudgetBurnSlow": "alert_availability_budget_burn_slow",
    "LatencyBudgetBurnFast": "alert_latency_budget_burn_fast",
    "LatencyBudgetBurnSlow": "alert_latency_budget_burn_slow",
}
"""The statement of each shipped alert that has one: per moment, the left sides of its comparisons."""

_LEDGER: Final = "what is loaded stands in PostgreSQL, not in the logs: ask relayctl etl status"

UNKNOWN_FROM_LOGS: Final = {
    "ProxyDown": "a proxy that is down writes nothing, and so does one without traffic",
    "LogWriteErrors": "what could not be written is not in the logs",
    "UnsyncedBytes": "the logs do not tell what the disk has",
    "EtlLate": _LEDGER,
    "EtlMissingLines": _LEDGER,
    "EtlRejects": _LEDGER,
    "BudgetNearEnd": "budgets are not in the logs: give them with --budgets",
}
"""The shipped alerts without a twin, and one clause each why."""

_OWN: Final = "it has no twin in SQL, only the shipped rules do: ask Prometheus"


def why_not(rule: Rule) -> str | None:
    """Why the logs cannot answer this rule; None when its twin can.

    A twin answers the left sides of the shipped rule's comparisons, so the limits, `for:` and the labels of a
    rule may be the user's own, and nothing else.
    """
    if rule.name in UNKNOWN_FROM_LOGS:
        return UNKNOWN_FROM_LOGS[rule.name]
    if rule.keeps_firing:
        return "keep_firing_for is not evaluated here"
    if rule.name not in TWINS:
        return _OWN
    (own,) = [one for one in shipped() if one.name == rule.name]
    measured, asked = conditions(own.expr), conditions(rule.expr)
    if [one.left for one in asked] != [one.left for one in measured]:
        return "it measures something else than the shipped rule of this name, whose twin in SQL there is"
    if any(one.limit is None for one in asked):
        return "it does not compare with plain numbers, which its twin in SQL needs"
    return None
