"""Verdicts from a Prometheus server, which need not have loaded the rules.

`for:` is judged by evaluating the expression over its window, as the server itself would have done at each
step: so rules of the user's own, and any moment of the past that the server still has, are judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from relayctl.alerts.expression import Condition, conditions
from relayctl.alerts.rules import Rule
from relayctl.alerts.verdict import Evaluations, Verdict, labels, state
from relayctl.alerts.web import RefusedError, Server, ServerError


class Prometheus:
    """The query API of the server at `url`. Raises `InputError` for what is no URL."""

    def __init__(self, url: str) -> None:
        self._server = Server("Prometheus", url, option="prometheus-url")

    def at(self, expression: str, moment: datetime) -> list[Decimal]:
        """The values of the expression's series. Raises `ServerError` or `RefusedError`."""
        found = self._result("/api/v1/query", {"query": expression, "time": _seconds(moment)})
        if found["resultType"] == "scalar":
            return [Decimal(found["result"][1])]
        return [Decimal(series["value"][1]) for series in found["result"]]

    def over(
        self, expression: str, evaluations: Evaluations
    ) -> list[tuple[dict[str, str], dict[datetime, Decimal]]]:
        """Each series the expression has at any of the evaluations, with its labels. Raises as `at`."""
        found = self._result(
            "/api/v1/query_range",
            {
                "query": expression,
                "start": _seconds(evaluations.start),
                "end": _seconds(evaluations.at),
                "step": str(evaluations.step.total_seconds()),
            },
        )
        return [
            (series["metric"], {_moment(time): Decimal(value) for time, value in series.get("values", [])})
            for series in found["result"]
        ]

    def _result(self, path: str, fields: dict[str, str]) -> Any:
        answer = self._server.form(path, fields)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise ServerError(f"{self._server} does not answer as Prometheus does: check --prometheus-url")
        return answer["data"]


def check(server: Prometheus, rules: Sequence[Rule], at: datetime) -> list[Verdict]:
    """How each rule stands at a moment: a verdict for each series that makes it so, else one.

    Raises `ServerError`; a rule that the server refuses is unknown, with the server's reason.
    """
    # Whole milliseconds, which is what the server has.
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    return [verdict for rule in rules for verdict in _judged(server, rule, at)]


def _judged(server: Prometheus, rule: Rule, at: datetime) -> list[Verdict]:
    if rule.keeps_firing:
        return [Verdict(rule=rule, state="unknown", reason="keep_firing_for is not evaluated here")]
    compared = conditions(rule.expr)
    threshold = f"{compared[0].operator} {compared[0].right}" if compared else ""
    evaluations = Evaluations.of(rule, at)
    try:
        found = [
            Verdict(
                rule=rule,
                state=state(rule, evaluations, values.keys())[0],
                labels=labels(rule, series, values[at]),
                value=_finite(values[at]),
                threshold=threshold,
                since=state(rule, evaluations, values.keys())[1],
            )
            for series, values in server.over(rule.expr, evaluations)
            if at in values
        ]
        return found or [_quiet(server, rule, compared, at, threshold)]
    except RefusedError as error:
        return [Verdict(rule=rule, state="unknown", reason=f"Prometheus refuses the expression: {error}")]


def _quiet(
    server: Prometheus, rule: Rule, compared: Sequence[Condition], at: datetime, threshold: str
) -> Verdict:
    """The verdict on a rule whose expression gives nothing, with how far it is from giving something."""
    values: list[Decimal] = []
    if compared:
        values = [value for value in server.at(compared[0].left, at) if value.is_finite()]
    worst = (max if compared and compared[0].holds_above else min)(values, default=None)
    reason = "no data" if compared and worst is None else ""
    return Verdict(
        rule=rule, state="OK", labels=labels(rule, {}), value=worst, threshold=threshold, reason=reason
    )


def _finite(value: Decimal) -> Decimal | None:
    return value if value.is_finite() else None


def _seconds(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _moment(seconds: int | Decimal) -> datetime:
    return datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
