"""Verdicts: how an alert stands at a moment, and how `for:` makes one of many evaluations; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, get_args

from relayctl.alerts.annotations import expanded
from relayctl.alerts.rules import Rule

State = Literal["firing", "pending", "OK", "unknown"]
STATES: Final[tuple[State, ...]] = get_args(State)

LOOK_BACK: Final = timedelta(hours=1)
"""How far before `for:` the beginning of an alert is looked for; one that is older is told as this old."""

_STEPS: Final = (1, 5, 15, 60, 300, 900, 3600)  # seconds; each divides the ranges that rules have
_COARSEST: Final = 15
_EVALUATIONS: Final = 8
_MOST_STEPS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one alert stands; `labels` are those that Prometheus would send it with.

    `value` is the measured side of its first comparison, None when there is none to tell; `since` the moment
    from which the condition has held without a break. `reason` says why nothing, or no value, can be told.
    """

    rule: Rule
    state: State
    labels: Mapping[str, str] = field(default_factory=dict)
    value: Decimal | None = None
    threshold: str = ""
    since: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Evaluations:
    """The moments at which a rule is evaluated: every `step` up to `at`, for longer than it must hold."""

    at: datetime
    step: timedelta
    count: int

    @classmethod
    def of(cls, rule: Rule, at: datetime) -> Evaluations:
        """Eight evaluations or more within `for:`, as often as Prometheus would by habit, at most 10,000."""
        span = rule.hold + LOOK_BACK
        finest = rule.hold.total_seconds() / _EVALUATIONS if rule.hold else _COARSEST
        wanted = max((step for step in _STEPS if step <= min(finest, _COARSEST)), default=min(_STEPS))
        needed = min((step for step in _STEPS if span.total_seconds() / step <= _MOST_STEPS), default=3600)
        step = timedelta(seconds=max(wanted, needed))
        return cls(at=at, step=step, count=int(span / step) + 1)

    @property
    def start(self) -> datetime:
        """The first moment."""
        return self.at - (self.count - 1) * self.step

    def moments(self) -> list[datetime]:
        """All of them, the last first."""
        return [self.at - number * self.step for number in range(self.count)]


def state(
    rule: Rule, evaluations: Evaluations, active: AbstractSet[datetime]
) -> tuple[State, datetime | None]:
    """How a rule stands whose condition held at the moments in `active`, and since when it has."""
    since: datetime | None = None
    for moment in evaluations.moments():
        if moment not in active:
            break
        since = moment
    if since is None:
        return "OK", None
    return ("firing" if evaluations.at - since >= rule.hold else "pending"), since


def labels(rule: Rule, series: Mapping[str, str], value: Decimal | None = None) -> dict[str, str]:
    """The labels of an alert over one series: the rule's own win, and the metric's name goes."""
    kept = {name: text for name, text in series.items() if name != "__name__"}
    own = {name: expanded(text, series, value) for name, text in rule.labels.items()}
    return {**kept, **own, "alertname": rule.name}


def worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Firing before pending before the rest, otherwise as they come."""
    order = {"firing": 0, "pending": 1, "unknown": 2, "OK": 2}
    return sorted(verdicts, key=lambda verdict: order[verdict.state])
