"""Reference model of the limits, computed from the whole history in fractions of tokens and seconds.

It shares only its input and output types with `proxy.limits.rules`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from proxy.config.quota import Quota
from proxy.limits.rules import Charge, Subject

DAY_SECONDS = 86_400


@dataclass
class History:
    """All requests of one subject."""

    requests: list[tuple[Fraction, int]] = field(default_factory=list)
    tokens: list[tuple[Fraction, int]] = field(default_factory=list)
    reserved: dict[str, Charge] = field(default_factory=dict)
    day_tokens: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    day_usd: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))


def level(charges: list[tuple[Fraction, int]], per_minute: int, now: Fraction) -> Fraction:
    """Return how much of these charges has not drained yet."""
    full, at = Fraction(0), Fraction(0)
    for when, amount in [*charges, (now, 0)]:
        full = max(Fraction(0), full - (when - at) * per_minute / 60) + amount
        at = when
    return full


@dataclass(frozen=True)
class Refusal:
    """The limit that a request exceeds."""

    over_capacity: bool
    wait_ms: int
    limit_type: str
    kind: str


class Model:
    """The limits of all subjects. Times are seconds since 1970."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[str, str], History] = defaultdict(History)

    def reserve(
        self, lease: str, subjects: tuple[Subject, ...], charge: Charge, now: Fraction
    ) -> Refusal | None:
        """Return the refusal that the backends should give; None when the request is admitted."""
        refusals = [one for subject in subjects for one in self._refusals(subject, charge, now)]
        if refusals:
            return max(refusals, key=lambda one: (one.over_capacity, one.wait_ms))
        for subject in subjects:
            history = self.of[subject.kind, subject.id]
            history.requests.append((now, 1))
            history.reserved[lease] = charge
            history.day_tokens[int(now // DAY_SECONDS)] += charge.tokens
            history.day_usd[int(now // DAY_SECONDS)] += charge.pico_usd
        return None

    def settle(
        self, lease: str, subjects: tuple[Subject, ...], used: Charge, began: Fraction, now: Fraction
    ) -> None:
        """End a request; it counts on the day on which it began."""
        for subject in subjects:
            history = self.of[subject.kind, subject.id]
            reserved = history.reserved.pop(lease)
            history.tokens.append((now, used.tokens))
            history.day_tokens[int(began // DAY_SECONDS)] += used.tokens - reserved.tokens
            history.day_usd[int(began // DAY_SECONDS)] += used.pico_usd - reserved.pico_usd

    def _refusals(self, subject: Subject, charge: Charge, now: Fraction) -> list[Refusal]:
        quota, history = subject.quota, self.of[subject.kind, subject.id]
        found = []

        def check(limit_type: str, over: bool, wait_ms: int, over_capacity: bool = False) -> None:
            if over:
                found.append(Refusal(over_capacity, wait_ms, limit_type, subject.kind))

        if quota.rpm is not None:
            over = level(history.requests, quota.rpm, now) + 1 - quota.rpm
            check("rpm", over > 0, math.ceil(over * 60_000 / quota.rpm))
        if quota.tpm is not None and charge.tokens:
            reserved = sum(one.tokens for one in history.reserved.values())
            over = level(history.tokens, quota.tpm, now) + reserved + charge.tokens - quota.tpm
            check("tpm", over > 0, math.ceil(over * 60_000 / quota.tpm), charge.tokens > quota.tpm)
        if quota.concurrency is not None:
            check("concurrency", len(history.reserved) >= quota.concurrency, 1000)
        found += self._day_refusals(subject, charge, now)
        return found

    def _day_refusals(self, subject: Subject, charge: Charge, now: Fraction) -> list[Refusal]:
        quota, history = subject.quota, self.of[subject.kind, subject.id]
        today = int(now // DAY_SECONDS)
        midnight = math.ceil(((today + 1) * DAY_SECONDS - now) * 1000)
        rows = (
            ("tokens_per_day", quota.tokens_per_day, history.day_tokens[today], charge.tokens),
            ("usd_per_day", quota.pico_usd_per_day, history.day_usd[today], charge.pico_usd),
        )
        return [
            Refusal(asked > limit, midnight, limit_type, subject.kind)
            for limit_type, limit, used, asked in rows
            if limit is not None and asked > 0 and used + asked > limit
        ]


def subject_of_key(name: str, quota: Quota, team: str = "engines") -> Subject:
    """Return a key's subject."""
    return Subject(kind="key", id=name, team=team, quota=quota)


def subject_of_team(name: str, quota: Quota) -> Subject:
    """Return a team's subject."""
    return Subject(kind="team", id=name, team=name, quota=quota)
