"""What a subject may use, whether a request fits, and why not; pure: the backends only keep the standing.

A request reserves before anything goes upstream and settles when its record is made. Per minute it is a
leaky bucket (GCRA): a minute's worth may be used at once, and what was used flows off evenly. What is only
reserved flows off not at all, so a refund can never be spent twice. Levels are whole numbers of request or
token milliseconds, money is whole pico-USD: nothing is ever rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from proxy.config.quota import Quota

LimitType = Literal["rpm", "tpm", "concurrency", "tokens_per_day", "usd_per_day"]

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
# Within these every level is exact in Redis's numbers (2^53).
MAX_TOKENS: Final = 10**9
"""No request is taken to use more."""

# Nobody knows when a slot comes free; a second is the least that `Retry-After` can say.
_SLOT_MS: Final = 1_000


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose limits these are: a key or a team, by its id, and the team whose standing lies beside it."""

    kind: Literal["key", "team"]
    id: str
    team: str
    quota: Quota


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What one request uses beside itself. Where it is 0, that limit is not asked."""

    tokens: int = 0
    pico_usd: int = 0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A time: `ms` measures minutes and never goes back in a process, `utc_ms` (epoch) tells days."""

    ms: int
    utc_ms: int

    @property
    def day(self) -> int:
        """The UTC day, counted from 1970."""
        return self.utc_ms // DAY_MS

    @property
    def ms_to_midnight(self) -> int:
        """How long the UTC day still lasts."""
        return DAY_MS - self.utc_ms % DAY_MS


class Standing(msgspec.Struct, kw_only=True):
    """What one subject has used and holds at `at_ms`; `held_tokens` are reserved by requests in flight.

    It is changed in place, by one backend: what is reserved and settled counts from the time it was moved to.
    """

    at_ms: int = 0
    day: int = 0
    request_ms: int = 0
    token_ms: int = 0
    held_tokens: int = 0
    in_flight: int = 0
    day_tokens: int = 0
    day_pico_usd: int = 0

    @property
    def tpm_ms(self) -> int:
        """All that counts against the tokens per minute."""
        return self.token_ms + self.held_tokens * MINUTE_MS

    def move_to(self, moment: Moment, quota: Quota) -> None:
        """Comes to a later moment: levels flow off, a new day begins.

        A clock that goes back over midnight begins no day twice; one that was days ahead was wrong.
        """
        elapsed, day = moment.ms - self.at_ms, moment.day
        self.at_ms = moment.ms
        if elapsed > 0 and self.request_ms:
            self.request_ms = max(0, self.request_ms - (quota.rpm or self.request_ms) * elapsed)
        if elapsed > 0 and self.token_ms:
            self.token_ms = max(0, self.token_ms - (quota.tpm or self.token_ms) * elapsed)
        if day > self.day or day < self.day - 1:
            self.day, self.day_tokens, self.day_pico_usd = day, 0, 0

    def reserve(self, demand: Demand) -> None:
        """One more request is in flight."""
        self.request_ms += MINUTE_MS
        self.held_tokens += demand.tokens
        self.in_flight += 1
        self.day_tokens += demand.tokens
        self.day_pico_usd += demand.pico_usd

    def settle(self, grant: Grant, used: Demand) -> None:
        """A request in flight has ended and used this much."""
        held = grant.reserved
        self.token_ms += used.tokens * MINUTE_MS
        self.held_tokens -= held.tokens
        self.in_flight -= 1
        if grant.day == self.day:
            self.day_tokens += used.tokens - held.tokens
            self.day_pico_usd += used.pico_usd - held.pico_usd


class Exceeded(msgspec.Struct, frozen=True, kw_only=True):
    """The limit that a request does not fit in, and after how many milliseconds it may.

    `hopeless`: it asks for more than the whole limit, so that waiting does not help.
    """

    limit_type: LimitType
    subject: Subject
    wait_ms: int
    hopeless: bool = False


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a request holds until it settles; `day` is the UTC day it counts on."""

    lease: str
    subjects: tuple[Subject, ...]
    reserved: Demand
    day: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a reservation: a grant, or the exceeded limit; and how the subjects stand now."""

    moment: Moment
    subjects: tuple[Subject, ...]
    standings: tuple[Standing, ...]
    grant: Grant | None = None
    exceeded: Exceeded | None = None


def exceeded(
    subjects: Sequence[Subject], standings: Sequence[Standing], demand: Demand, moment: Moment
) -> Exceeded | None:
    """The limit that keeps a request waiting longest; None when it fits in all of them."""
    found: list[Exceeded] = []
    for subject, standing in zip(subjects, standings, strict=True):
        _add_per_minute(found, subject, standing, demand)
        _add_others(found, subject, standing, demand, moment)
    return max(found, key=lambda one: (one.hopeless, one.wait_ms)) if found else None


def _add_per_minute(found: list[Exceeded], subject: Subject, standing: Standing, demand: Demand) -> None:
    rpm, tpm = subject.quota.rpm, subject.quota.tpm
    if rpm is not None and (over := standing.request_ms + MINUTE_MS - rpm * MINUTE_MS) > 0:
        found.append(Exceeded(limit_type="rpm", subject=subject, wait_ms=-(-over // rpm)))
    if tpm is None or not demand.tokens:
        return
    if (over := standing.tpm_ms + (demand.tokens - tpm) * MINUTE_MS) > 0:
        wait, hopeless = -(-over // tpm), demand.tokens > tpm
        found.append(Exceeded(limit_type="tpm", subject=subject, wait_ms=wait, hopeless=hopeless))


def _add_others(
    found: list[Exceeded], subject: Subject, standing: Standing, demand: Demand, moment: Moment
) -> None:
    quota = subject.quota
    tokens, usd = quota.tokens_per_day, quota.pico_usd_per_day
    if quota.concurrency is not None and standing.in_flight >= quota.concurrency:
        found.append(Exceeded(limit_type="concurrency", subject=subject, wait_ms=_SLOT_MS))
    if tokens is not None and standing.day_tokens + demand.tokens > tokens and demand.tokens:
        wait, hopeless = moment.ms_to_midnight, demand.tokens > tokens
        one = Exceeded(limit_type="tokens_per_day", subject=subject, wait_ms=wait, hopeless=hopeless)
        found.append(one)
    if usd is not None and standing.day_pico_usd + demand.pico_usd > usd and demand.pico_usd:
        wait, hopeless = moment.ms_to_midnight, demand.pico_usd > usd
        found.append(Exceeded(limit_type="usd_per_day", subject=subject, wait_ms=wait, hopeless=hopeless))
