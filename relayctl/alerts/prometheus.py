"""Evaluates alert rules with a Prometheus server, which need not have loaded the rules.

`for:` is evaluated by a range query over its window. So a user's own rules work too, and so does any time for
which the server still has data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from relayctl.alerts.expression import Condition, conditions
from relayctl.alerts.http_client import RefusedError, Server, ServerError
from relayctl.alerts.rules import Rule
from relayctl.alerts.verdict import EvaluationTimes, Verdict, labels, state


class Prometheus:
    """The query API of the server at `url`. Raises `InputError` if it is not a URL."""

    def __init__(self, url: str) -> None:
        self._server = Server("Prometheus", url, option="prometheus-url")

    def query(self, expression: str, moment: datetime) -> list[Decimal]:
        """The values of the expression's series at a time. Raises `ServerError` or `RefusedError`."""
        found = self._result("/api/v1/query", {"query": expression, "time": _seconds(moment)})
        if found["resultType"] == "scalar":
            return [Decimal(found["result"][1])]
        return [Decimal(series["value"][1]) for series in found["result"]]

    def query_range(
        self, expression: str, times: EvaluationTimes
    ) -> list[tuple[dict[str, str], dict[datetime, Decimal]]]:
        """Each series with its labels and its values by evaluation time. Raises as `query`."""
        found = self._result(
            "/api/v1/query_range",
            {
                "query": expression,
                "start": _seconds(times.start),
                "end": _seconds(times.at),
                "step": str(times.step.total_seconds()),
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
    """Evaluates each rule at a time: one verdict for each active series, or one if there is none.

    Raises `ServerError`. A rule that the server rejects is `unknown`, with the server's reason.
    """
    # Prometheus timestamps are whole milliseconds.
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    return [verdict for rule in rules for verdict in _verdicts(server, rule, at)]


def _verdicts(server: Prometheus, rule: Rule, at: datetime) -> list[Verdict]:
    if rule.keeps_firing:
        return [Verdict(rule=rule, state="unknown", reason="keep_firing_for is not evaluated here")]
    compared = conditions(rule.expr)
    threshold = f"{compared[0].operator} {compared[0].right}" if compared else ""
    times = EvaluationTimes.of(rule, at)
    try:
        found = [
            Verdict(
                rule=rule,
                state=state(rule, times, values.keys())[0],
                labels=labels(rule, series, values[at]),
                value=_finite(values[at]),
                threshold=threshold,
                since=state(rule, times, values.keys())[1],
            )
            for series, values in server.query_range(rule.expr, times)
            if at in values
        ]
        return found or [_inactive_verdict(server, rule, compared, at, threshold)]
    except RefusedError as error:
        return [Verdict(rule=rule, state="unknown", reason=f"Prometheus refuses the expression: {error}")]


def _inactive_verdict(
    server: Prometheus, rule: Rule, compared: Sequence[Condition], at: datetime, threshold: str
) -> Verdict:
    """The verdict on a rule whose expression returns no series, with the value nearest to its threshold."""
    values: list[Decimal] = []
    if compared:
        values = [value for value in server.query(compared[0].left, at) if value.is_finite()]
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
