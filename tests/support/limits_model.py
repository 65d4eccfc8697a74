"""Limits told the slow and plain way: from everything that ever happened, in fractions of tokens and seconds.

It shares nothing with `proxy.limits.rules` but the values that go in and out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from proxy.config.quota import Quota
from proxy.limits.rules import Demand, Subject

DAY_SECONDS = 86_400


@dataclass
class History:
    """All that one subject did."""

    requests: list[tuple[Fraction, int]] = field(default_factory=list)
    tokens: list[tuple[Fraction, int]] = field(default_factory=list)
    holding: dict[str, Demand] = field(default_factory=dict)
    day_tokens: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    day_usd: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))


def level(charges: list[tuple[Fraction, int]], per_minute: int, now: Fraction) -> Fraction:
    """What of these charges has not flowed off yet."""
    full, at = Fraction(0), Fraction(0)
    for when, amount in [*charges, (now, 0)]:
        full = max(Fraction(0), full - (when - at) * per_minute / 60) + amount
        at = when
    return full


@dataclass(frozen=True)
class Refused:
    """A limit that a request does not fit in."""

    hopeless: bool
    wait_ms: int
    limit_type: str
    kind: str


class Model:
    """The limits of some subjects. Times are seconds since 1970."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[str, str], History] = defaultdict(History)

    def reserve(
        self, lease: str, subjects: tuple[Subject, ...], demand: Demand, now: Fraction
    ) -> Refused | None:
        """Why a request is refused, as the backends should tell it; None when it was let in."""
        refusals = [one for subject in subjects for one in self._refusals(subject, demand, now)]
        if refusals:
            return max(refusals, key=lambda one: (one.hopeless, one.wait_ms))
        for subject in subjects:
            history = self.of[subject.kind, subject.id]
            history.requests.append((now, 1))
            history.holding[lease] = demand
            history.day_tokens[int(now // DAY_SECONDS)] += demand.tokens
            history.day_usd[int(now // DAY_SECONDS)] += demand.pico_usd
        return None

    def settle(
        self, lease: str, subjects: tuple[Subject, ...], used: Demand, began: Fraction, now: Fraction
    ) -> None:
        """A request has ended; it counts on the day on which it began."""
        for subject in subjects:
            history = self.of[subject.kind, subject.id]
            held = history.holding.pop(lease)
            history.tokens.append((now, used.tokens))
            history.day_tokens[int(began // DAY_SECONDS)] += used.tokens - held.tokens
            history.day_usd[int(began // DAY_SECONDS)] += used.pico_usd - held.pico_usd

    def _refusals(self, subject: Subject, demand: Demand, now: Fraction) -> list[Refused]:
        quota, history = subject.quota, self.of[subject.kind, subject.id]
        found = []

        def check(limit_type: str, over: bool, wait_ms: int, hopeless: bool = False) -> None:
            if over:
                found.append(Refused(hopeless, wait_ms, limit_type, subject.kind))

        if quota.rpm is not None:
            over = level(history.requests, quota.rpm, now) + 1 - quota.rpm
            check("rpm", over > 0, math.ceil(over * 60_000 / quota.rpm))
        if quota.tpm is not None and demand.tokens:
            held = sum(one.tokens for one in history.holding.values())
            over = level(history.tokens, quota.tpm, now) + held + demand.tokens - quota.tpm
            check("tpm", over > 0, math.ceil(over * 60_000 / quota.tpm), demand.tokens > quota.tpm)
        if quota.concurrency is not None:
            check("concurrency", len(history.holding) >= quota.concurrency, 1000)
        found += self._day_refusals(subject, demand, now)
        return found

    def _day_refusals(self, subject: Subject, demand: Demand, now: Fraction) -> list[Refused]:
        quota, history = subject.quota, self.of[subject.kind, subject.id]
        today = int(now // DAY_SECONDS)
        midnight = math.ceil(((today + 1) * DAY_SECONDS - now) * 1000)
        rows = (
            ("tokens_per_day", quota.tokens_per_day, history.day_tokens[today], demand.tokens),
            ("usd_per_day", quota.pico_usd_per_day, history.day_usd[today], demand.pico_usd),
        )
        return [
            Refused(asked > limit, midnight, limit_type, subject.kind)
            for limit_type, limit, used, asked in rows
            if limit is not None and asked > 0 and used + asked > limit
        ]


def subject_of_key(name: str, quota: Quota, team: str = "engines") -> Subject:
    """A key."""
    return Subject(kind="key", id=name, team=team, quota=quota)


def subject_of_team(name: str, quota: Quota) -> Subject:
    """A team."""
    return Subject(kind="team", id=name, team=name, quota=quota)
