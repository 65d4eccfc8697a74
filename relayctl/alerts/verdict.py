"""The state of an alert at a time, and how `for:` follows from many evaluations. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, get_args

from relayctl.alerts.annotations import expand
from relayctl.alerts.rules import Rule

State = Literal["firing", "pending", "OK", "unknown"]
STATES: Final[tuple[State, ...]] = get_args(State)

LOOK_BACK: Final = timedelta(hours=1)
"""How long before `for:` to look for the start of an alert; an older alert is reported as this old."""

_STEPS: Final = (1, 5, 15, 60, 300, 900, 3600)  # seconds; each divides the usual ranges of rules
_COARSEST: Final = 15
_EVALUATIONS: Final = 8
_MOST_STEPS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The state of one alert; `labels` are those that Prometheus would send with it.

    `value` is the left side of its first comparison, None if there is no data. `since` is the time from which
    the condition has held without a break. `reason` says why the state or the value is unknown.
    """

    rule: Rule
    state: State
    labels: Mapping[str, str] = field(default_factory=dict)
    value: Decimal | None = None
    threshold: str = ""
    since: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class EvaluationTimes:
    """The times at which a rule is evaluated: every `step` up to `at`, over `for:` and `LOOK_BACK`."""

    at: datetime
    step: timedelta
    count: int

    @classmethod
    def of(cls, rule: Rule, at: datetime) -> EvaluationTimes:
        """At most 15 seconds apart, with eight or more within `for:`, unless that is over 10,000."""
        span = rule.hold + LOOK_BACK
        finest = rule.hold.total_seconds() / _EVALUATIONS if rule.hold else _COARSEST
        wanted = max((step for step in _STEPS if step <= min(finest, _COARSEST)), default=min(_STEPS))
        needed = min((step for step in _STEPS if span.total_seconds() / step <= _MOST_STEPS), default=3600)
        step = timedelta(seconds=max(wanted, needed))
        return cls(at=at, step=step, count=int(span / step) + 1)

    @property
    def start(self) -> datetime:
        """The earliest time."""
        return self.at - (self.count - 1) * self.step

    def newest_first(self) -> list[datetime]:
        """All times, the latest first."""
        return [self.at - number * self.step for number in range(self.count)]


def state(rule: Rule, times: EvaluationTimes, active: AbstractSet[datetime]) -> tuple[State, datetime | None]:
    """The state of a rule whose condition held at the times in `active`, and since when it has held."""
    since: datetime | None = None
    for moment in times.newest_first():
        if moment not in active:
            break
        since = moment
    if since is None:
        return "OK", None
    return ("firing" if times.at - since >= rule.hold else "pending"), since


def labels(rule: Rule, series: Mapping[str, str], value: Decimal | None = None) -> dict[str, str]:
    """The labels of an alert for one series: the rule's take precedence, and `__name__` is removed."""
    inherited = {name: text for name, text in series.items() if name != "__name__"}
    own = {name: expand(text, series, value) for name, text in rule.labels.items()}
    return {**inherited, **own, "alertname": rule.name}


def worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Sorts firing before pending before the rest, otherwise in the given order."""
    order = {"firing": 0, "pending": 1, "unknown": 2, "OK": 2}
    return sorted(verdicts, key=lambda verdict: order[verdict.state])
