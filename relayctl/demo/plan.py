"""Plans the requests of the simulated week: user, model, size and time. Pure and seeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from random import Random
from typing import Final

from relayctl.demo.people import TEAMS, User


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """A lognormal distribution of token counts: mean and deviation of the logarithm, and a maximum."""

    mu: float
    sigma: float
    maximum: int

    def draw(self, random: Random) -> int:
        """Draws a token count, at least 1."""
        return max(1, min(self.maximum, round(exp(random.gauss(self.mu, self.sigma)))))


# Fitted to the logarithms of the 28,185 requests of AzureLLMInferenceTrace_conv.csv ("chat") and _code.csv
# ("code") of 16 November 2023 (Azure Public Dataset, Microsoft, CC-BY-4.0): tokens in, tokens out.
SIZES: Final = {
    "chat": (Size(mu=6.63, sigma=0.99, maximum=14050), Size(mu=5.02, sigma=0.86, maximum=1000)),
    "code": (Size(mu=7.00, sigma=1.36, maximum=7437), Size(mu=2.79, sigma=0.85, maximum=1899)),
}

# Traffic by hour of the day in UTC: an office day with a dip at noon.
_HOURS: Final = (2, 1, 1, 1, 1, 2, 5, 12, 24, 32, 34, 30, 24, 28, 33, 32, 27, 19, 12, 8, 6, 5, 4, 3)
_WEEKEND_SHARE: Final = 0.2
_SATURDAY: Final = 5
_FAVOURITE_SHARE: Final = 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One planned request: its time in the simulated week and its sizes in tokens."""

    number: int
    at: datetime
    user: User
    model: str
    stream: bool
    prompt_tokens: int
    answer_tokens: int


def week_before(now: datetime) -> datetime:
    """Midnight (UTC) at the start of the seven days that end today."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=6)


def plan(
    users: Sequence[User], *, requests: int, start: datetime, end: datetime, random: Random
) -> list[Call]:
    """Plans this many requests between two times, in order of time."""
    times = sorted(_times(requests, start, end, random))
    callers = random.choices(users, [user.weight for user in users], k=requests)
    pairs = zip(times, callers, strict=True)
    return [_call(number, at, user, random) for number, (at, user) in enumerate(pairs, start=1)]


def _times(count: int, start: datetime, end: datetime, random: Random) -> list[datetime]:
    """Random times that follow the daily pattern, fewer at weekends."""
    length = (end - start) / timedelta(hours=1)
    hours = [start + timedelta(hours=number) for number in range(int(length) + 1)]
    # The last hour is partial and is weighted by the part that has elapsed.
    elapsed = [min(1.0, length - number) for number in range(len(hours))]
    weights = [_weight(hour) * part for hour, part in zip(hours, elapsed, strict=True)]
    chosen = random.choices(range(len(hours)), weights, k=count)
    return [hours[number] + timedelta(hours=random.random() * elapsed[number]) for number in chosen]


def _weight(moment: datetime) -> float:
    weekend = moment.weekday() >= _SATURDAY
    return _HOURS[moment.hour] * (_WEEKEND_SHARE if weekend else 1)


def _call(number: int, at: datetime, user: User, random: Random) -> Call:
    favourite = random.random() < _FAVOURITE_SHARE
    model = user.models[0] if favourite else random.choice(user.models)
    prompt, answer = (size.draw(random) for size in SIZES[TEAMS[user.team]])
    return Call(
        number=number,
        at=at,
        user=user,
        model=model,
        stream=random.random() < 0.5 and not model.startswith("text-embedding"),
        prompt_tokens=prompt,
        answer_tokens=answer,
    )
