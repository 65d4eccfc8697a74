"""Rate limits and quotas: counters, whether a request fits, and which limit it exceeds; pure.

A request reserves tokens and money before it is sent upstream and is settled by its record. The limits per
minute are leaky buckets (GCRA): a minute's worth may be used at once, and what was used drains evenly.
Reserved tokens do not drain until they are settled, so a refund can never be spent twice. Levels are whole
request or token milliseconds, money is whole pico-USD: nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from proxy.config.quota import Quota

LimitType = Literal["rpm", "tpm", "concurrency", "tokens_per_day", "usd_per_day"]

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
# Below these every level is an exact double in Redis (2^53).
MAX_TOKENS: Final = 10**9
"""The most tokens that are charged for one request."""

# When a slot becomes free is unknown; one second is the least that `Retry-After` can say.
_SLOT_MS: Final = 1_000


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The key or team that a quota applies to, with the team that its counters are stored under."""

    kind: Literal["key", "team"]
    id: str
    team: str
    quota: Quota


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and pico-USD charged for one request. A limit is not checked for an amount of 0."""

    tokens: int = 0
    pico_usd: int = 0


class Timestamp(msgspec.Struct, frozen=True, kw_only=True):
    """Monotonic and UTC time in milliseconds: `ms` drains the buckets, `utc_ms` (epoch) selects the day."""

    ms: int
    utc_ms: int

    @property
    def day(self) -> int:
        """The UTC day, counted from 1970."""
        return self.utc_ms // DAY_MS

    @property
    def ms_to_midnight(self) -> int:
        """Milliseconds until the UTC day ends."""
        return DAY_MS - self.utc_ms % DAY_MS


class Counters(msgspec.Struct, kw_only=True):
    """The counters of one subject at `at_ms`: bucket levels, requests in flight and the day's sums.

    A backend advances them to the current time before it reserves or settles in place.
    """

    at_ms: int = 0
    day: int = 0
    request_ms: int = 0
    token_ms: int = 0
    reserved_tokens: int = 0
    in_flight: int = 0
    day_tokens: int = 0
    day_pico_usd: int = 0

    @property
    def tpm_ms(self) -> int:
        """The level of the token bucket, with the reserved tokens."""
        return self.token_ms + self.reserved_tokens * MINUTE_MS

    def advance(self, now: Timestamp, quota: Quota) -> None:
        """Advance to a later time: drain the buckets, and reset the sums when a new day begins.

        A clock that goes back over midnight starts no day twice. One that was ahead by days was wrong, so the
        day that it started is given up.
        """
        elapsed, day = now.ms - self.at_ms, now.day
        self.at_ms = now.ms
        if elapsed > 0 and self.request_ms:
            self.request_ms = max(0, self.request_ms - (quota.rpm or self.request_ms) * elapsed)
        if elapsed > 0 and self.token_ms:
            self.token_ms = max(0, self.token_ms - (quota.tpm or self.token_ms) * elapsed)
        if day > self.day or day < self.day - 1:
            self.day, self.day_tokens, self.day_pico_usd = day, 0, 0

    def reserve(self, charge: Charge) -> None:
        """Add a request in flight."""
        self.request_ms += MINUTE_MS
        self.reserved_tokens += charge.tokens
        self.in_flight += 1
        self.day_tokens += charge.tokens
        self.day_pico_usd += charge.pico_usd

    def settle(self, reservation: Reservation, used: Charge) -> None:
        """Replace the reserved amounts of an ended request by the used ones."""
        reserved = reservation.charge
        self.token_ms += used.tokens * MINUTE_MS
        self.reserved_tokens -= reserved.tokens
        self.in_flight -= 1
        if reservation.day == self.day:
            self.day_tokens += used.tokens - reserved.tokens
            self.day_pico_usd += used.pico_usd - reserved.pico_usd


class ExceededLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that a request exceeds, and the milliseconds after which it may fit.

    `over_capacity`: the request needs more than the whole limit, so waiting does not help.
    """

    limit_type: LimitType
    subject: Subject
    wait_ms: int
    over_capacity: bool = False


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """What a request holds until it is settled; `day` is the UTC day that it counts on."""

    lease: str
    subjects: tuple[Subject, ...]
    charge: Charge
    day: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a reserve call: a reservation or the exceeded limit, and the current counters."""

    timestamp: Timestamp
    subjects: tuple[Subject, ...]
    counters: tuple[Counters, ...]
    reservation: Reservation | None = None
    exceeded: ExceededLimit | None = None


def find_exceeded(
    subjects: Sequence[Subject], counters: Sequence[Counters], charge: Charge, now: Timestamp
) -> ExceededLimit | None:
    """Return the exceeded limit with the longest wait; None when the request fits in all limits."""
    found: list[ExceededLimit] = []
    for subject, current in zip(subjects, counters, strict=True):
        _check_per_minute(found, subject, current, charge)
        _check_others(found, subject, current, charge, now)
    return max(found, key=lambda limit: (limit.over_capacity, limit.wait_ms)) if found else None


def _check_per_minute(
    found: list[ExceededLimit], subject: Subject, counters: Counters, charge: Charge
) -> None:
    rpm, tpm = subject.quota.rpm, subject.quota.tpm
    if rpm is not None and (excess := counters.request_ms + MINUTE_MS - rpm * MINUTE_MS) > 0:
        found.append(ExceededLimit(limit_type="rpm", subject=subject, wait_ms=-(-excess // rpm)))
    if tpm is None or not charge.tokens:
        return
    if (excess := counters.tpm_ms + (charge.tokens - tpm) * MINUTE_MS) > 0:
        wait, over = -(-excess // tpm), charge.tokens > tpm
        found.append(ExceededLimit(limit_type="tpm", subject=subject, wait_ms=wait, over_capacity=over))


def _check_others(
    found: list[ExceededLimit], subject: Subject, counters: Counters, charge: Charge, now: Timestamp
) -> None:
    quota, midnight = subject.quota, now.ms_to_midnight
    tokens, usd = quota.tokens_per_day, quota.pico_usd_per_day
    if quota.concurrency is not None and counters.in_flight >= quota.concurrency:
        found.append(ExceededLimit(limit_type="concurrency", subject=subject, wait_ms=_SLOT_MS))
    if tokens is not None and counters.day_tokens + charge.tokens > tokens and charge.tokens:
        over = charge.tokens > tokens
        found.append(
            ExceededLimit(limit_type="tokens_per_day", subject=subject, wait_ms=midnight, over_capacity=over)
        )
    if usd is not None and counters.day_pico_usd + charge.pico_usd > usd and charge.pico_usd:
        over = charge.pico_usd > usd
        found.append(
            ExceededLimit(limit_type="usd_per_day", subject=subject, wait_ms=midnight, over_capacity=over)
        )
