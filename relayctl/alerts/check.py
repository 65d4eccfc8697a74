"""Evaluates all rules once, from Prometheus or the logs, together with the budgets if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from relayctl.alerts import prometheus
from relayctl.alerts.budgets import BudgetReport, BudgetUsage
from relayctl.alerts.rules import Rule, shipped
from relayctl.alerts.verdict import Verdict, labels
from relayctl.errors import InputError

Kind = Literal["prometheus", "logs"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
BUDGET_ALERT: Final = "BudgetNearEnd"


@dataclass(frozen=True, kw_only=True)
class Check:
    """The verdicts, the source they come from, and notes about what could not be read.

    `budgets` is the evaluation of the budgets, None if no budgets were given.
    """

    at: datetime
    source: Kind
    verdicts: Sequence[Verdict]
    notes: tuple[str, ...]
    budgets: BudgetReport | None = None

    @property
    def fires(self) -> bool:
        """Whether any alert is firing."""
        return any(verdict.state == "firing" for verdict in self.verdicts)


def evaluate(
    rules: Sequence[Rule],
    at: datetime,
    *,
    source: Kind | None,
    prometheus_url: str | None,
    logs: str,
    budgets: BudgetReport | None,
) -> Check:
    """Evaluates each rule at a time; with `budgets`, the budget alert is evaluated from them.

    Without `source`, the data source is Prometheus if there is a URL, else the log directory `logs`. Raises
    `InputError`, and `RelayctlError` when the source cannot be reached.
    """
    kind: Kind = source or ("prometheus" if prometheus_url else "logs")
    wanted = [rule for rule in rules if budgets is None or rule.name != BUDGET_ALERT]
    notes: tuple[str, ...] = budgets.notes if budgets else ()
    if kind == "prometheus":
        verdicts = prometheus.check(_server(prometheus_url), wanted, at)
    else:
        # Importing DuckDB is slow, and only this branch needs it.
        from relayctl.alerts import logs as from_logs  # noqa: PLC0415 - see above

        result = from_logs.check(logs, wanted, at)
        verdicts, notes = result.verdicts, (*result.notes, *notes)
    if budgets:
        verdicts = [*verdicts, *budget_verdicts(rules, budgets.usages)]
    return Check(at=at, source=kind, verdicts=verdicts, notes=notes, budgets=budgets)


def budget_verdicts(rules: Sequence[Rule], usages: Sequence[BudgetUsage]) -> list[Verdict]:
    """A verdict for each budget, computed from the budget itself instead of its metric.

    Labels and annotations come from the rule `BudgetNearEnd` in `rules`, or from the shipped one. There is no
    `for:` and no `since`, because the sums do not show when a budget reached its ratio.
    """
    (rule,) = [one for one in [*rules, *shipped()] if one.name == BUDGET_ALERT][:1]
    return [
        Verdict(
            rule=rule,
            state="firing" if usage.needs_warning else "OK",
            labels=labels(rule, {"budget": usage.budget.name}),
            value=usage.ratio,
            threshold=f">= {usage.budget.warn}",
            reason=f"requests without a known price, not counted: {usage.unpriced}" if usage.unpriced else "",
        )
        for usage in usages
    ]


def _server(url: str | None) -> prometheus.Prometheus:
    if not url:
        raise InputError("prometheus-url", "source prometheus needs a server: give --prometheus-url")
    return prometheus.Prometheus(url)
