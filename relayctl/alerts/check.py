"""One evaluation of all the rules, from Prometheus or from the logs, and of the budgets that are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from relayctl.alerts import near_end, prometheus
from relayctl.alerts.budgets import Statement
from relayctl.alerts.rules import Rule
from relayctl.alerts.verdict import Verdict
from relayctl.errors import InputError

Kind = Literal["prometheus", "logs"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class Check:
    """The verdicts, whom they are from, and sentences about what could not be read.

    `budgets` are the budgets as they stood, where any were given.
    """

    at: datetime
    source: Kind
    verdicts: Sequence[Verdict]
    notes: tuple[str, ...]
    budgets: Statement | None = None

    @property
    def fires(self) -> bool:
        """Whether an alert does."""
        return any(verdict.state == "firing" for verdict in self.verdicts)


def evaluate(
    rules: Sequence[Rule],
    at: datetime,
    *,
    source: Kind | None,
    prometheus_url: str | None,
    logs: str,
    statement: Statement | None,
) -> Check:
    """How each rule stands at a moment; with `statement` the alert on budgets is judged from it.

    Without `source` Prometheus is asked where there is a URL, else the log directory `logs`. Raises
    `InputError`, and `RelayctlError` when what is asked cannot be reached.
    """
    kind: Kind = source or ("prometheus" if prometheus_url else "logs")
    asked = [rule for rule in rules if statement is None or rule.name != near_end.ALERT]
    notes: tuple[str, ...] = statement.notes if statement else ()
    if kind == "prometheus":
        verdicts = prometheus.check(_server(prometheus_url), asked, at)
    else:
        # DuckDB takes long to import, and only here is it needed.
        from relayctl.alerts import logs as from_logs  # noqa: PLC0415 - see above

        answer = from_logs.check(logs, asked, at)
        verdicts, notes = answer.verdicts, (*answer.notes, *notes)
    if statement:
        verdicts = [*verdicts, *near_end.judged(rules, statement.spent)]
    return Check(at=at, source=kind, verdicts=verdicts, notes=notes, budgets=statement)


def _server(url: str | None) -> prometheus.Prometheus:
    if not url:
        raise InputError("prometheus-url", "source prometheus needs a server: give --prometheus-url")
    return prometheus.Prometheus(url)
