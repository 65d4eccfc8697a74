"""The alert on budgets, judged from the budgets themselves instead of their metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relayctl.alerts.budgets import Spent
from relayctl.alerts.rules import Rule, shipped
from relayctl.alerts.verdict import Verdict, labels

ALERT: Final = "BudgetNearEnd"


def judged(rules: Sequence[Rule], spent: Sequence[Spent]) -> list[Verdict]:
    """A verdict for each budget, with the labels and texts of the rule, or of the shipped one without it.

    A budget is judged at once; since when it stands so, its sums do not tell.
    """
    (rule,) = [one for one in [*rules, *shipped()] if one.name == ALERT][:1]
    return [
        Verdict(
            rule=rule,
            state="firing" if one.is_near_its_end else "OK",
            labels=labels(rule, {"budget": one.budget.name}),
            value=one.ratio,
            threshold=f">= {one.budget.warn}",
            reason=f"requests without a known price, not counted: {one.unpriced}" if one.unpriced else "",
        )
        for one in spent
    ]
