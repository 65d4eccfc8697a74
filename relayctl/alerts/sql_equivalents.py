"""Lists the shipped rules that have an SQL equivalent over the logs, and why the others have none."""

from __future__ import annotations

from typing import Final

from relayctl.alerts.expression import conditions
from relayctl.alerts.rules import Rule, shipped

SQL_EQUIVALENTS: Final = {
    "HighRateLimitHits": "alert_high_rate_limit_hits",
    "HighLatency": "alert_high_latency",
    "UpstreamErrors": "alert_upstream_errors",
    "UnpricedRequests": "alert_unpriced_requests",
    "AvailabilityBudgetBurnFast": "alert_availability_budget_burn_fast",
    "AvailabilityBudgetBurnSlow": "alert_availability_budget_burn_slow",
    "LatencyBudgetBurnFast": "alert_latency_budget_burn_fast",
    "LatencyBudgetBurnSlow": "alert_latency_budget_burn_slow",
}
"""Alert name to SQL statement, which returns the left sides of the comparisons per evaluation time."""

_LEDGER: Final = "the state of loading is in PostgreSQL, not in the logs: run relayctl etl status"

UNKNOWN_FROM_LOGS: Final = {
    "ProxyDown": "a proxy that is down writes nothing, and so does one without traffic",
    "LogWriteErrors": "records that could not be written are not in the logs",
    "UnsyncedBytes": "the logs do not show what has been synced to disk",
    "EtlLate": _LEDGER,
    "EtlMissingLines": _LEDGER,
    "EtlRejects": _LEDGER,
    "BudgetNearEnd": "budgets are not in the logs: give them with --budgets",
}
"""The shipped alerts without an SQL equivalent, each with the reason."""

_NOT_SHIPPED: Final = "it has no SQL equivalent, only the shipped rules do: use --source prometheus"


def unsupported_reason(rule: Rule) -> str | None:
    """Why the logs cannot answer this rule; None if its SQL equivalent can.

    An SQL equivalent computes the left sides of the shipped rule's comparisons. So a user's rule may change
    the limits, `for:` and the labels, but nothing else.
    """
    if rule.name in UNKNOWN_FROM_LOGS:
        return UNKNOWN_FROM_LOGS[rule.name]
    if rule.keeps_firing:
        return "keep_firing_for is not evaluated here"
    if rule.name not in SQL_EQUIVALENTS:
        return _NOT_SHIPPED
    (own,) = [one for one in shipped() if one.name == rule.name]
    supported, given = conditions(own.expr), conditions(rule.expr)
    if [one.left for one in given] != [one.left for one in supported]:
        return "its expression differs from the shipped rule of this name, which has the SQL equivalent"
    if any(one.limit is None for one in given):
        return "it does not compare with plain numbers, which its SQL equivalent needs"
    return None
