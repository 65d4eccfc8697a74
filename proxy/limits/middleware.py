"""Middleware of the limits: reserves before a request is sent, and settles with its record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from proxy.config.limits import Limits
from proxy.config.quota import Quota, to_pico_usd
from proxy.errors import Api, BackendError, Refusal
from proxy.limits.estimate import estimated_charge, recorded_charge
from proxy.limits.headers import LimitExceeded, headers
from proxy.limits.memory import MemoryLimits, process_clock
from proxy.limits.rules import Charge, Decision, Reservation, Subject
from proxy.metering.prices import PriceTable
from proxy.request.context import Request
from proxy.request.keys import Key
from proxy.segments.record import UsageRecord


class Backend(Protocol):
    """The storage of the counters: `MemoryLimits` or `RedisLimits`."""

    async def start(self) -> None:
        """Start background tasks."""

    async def close(self) -> None:
        """Stop background tasks once all requests are settled."""

    async def unavailable(self) -> str | None:
        """Return why the backend is not available; None when it is."""

    async def reserve(self, lease: str, subjects: Sequence[Subject], charge: Charge) -> Decision:
        """Reserve for all subjects or for none. Raises `BackendError`."""

    def settle(self, reservation: Reservation, used: Charge) -> asyncio.Task[None] | None:
        """Settle without failing; returns the task to wait for, None when it is done."""


class Admission:
    """An admitted request: its reservation, and the rate-limit headers of its answer."""

    def __init__(self, backend: Backend, decision: Decision | None = None, api: Api = "openai") -> None:
        self._backend = backend
        self._reservation = decision.reservation if decision else None
        self._settlement: asyncio.Task[None] | None = None
        self.headers = headers(api, decision) if decision else {}

    @property
    def holds(self) -> bool:
        """Whether a reservation is unsettled or its settlement is running."""
        return self._reservation is not None or self._settlement is not None

    def settle(self, record: UsageRecord) -> None:
        """Charge what the record says and free the slot."""
        self._settle(recorded_charge(record.total_tokens, record.cost_usd))

    async def settled(self) -> None:
        """Wait until the settlement is done, so that the client can send its next request immediately."""
        if self._settlement is not None:
            await asyncio.wait({self._settlement})

    async def end(self) -> None:
        """Charge the reserved amounts if no record was made, so that the reservation ends in any case."""
        if self._reservation is not None:
            self._settle(self._reservation.charge)
        await self.settled()

    def _settle(self, used: Charge) -> None:
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            self._settlement = self._backend.settle(reservation, used)


class _LimitedKey(msgspec.Struct, frozen=True):
    """A key, the subjects of its limits (key and team), and whether any limit is on money."""

    key: Key
    subjects: tuple[Subject, ...]
    has_usd_limit: bool


class LimitsMiddleware:
    """The limits of a process."""

    def __init__(self, config: Limits, prices: PriceTable, now: Callable[[], datetime]) -> None:
        self._config = config
        self._prices = prices
        self._defaults = config.defaults.quota
        self._teams = {team: section.quota for team, section in config.teams.items()}
        self._keys: dict[str, _LimitedKey] = {}
        self.backend: Backend = MemoryLimits(process_clock(now))
        if config.backend == "redis" and config.redis_url is not None:
            from proxy.limits.redis import RedisLimits  # noqa: PLC0415 -- 8 MiB, loaded only where it is used

            self.backend = RedisLimits(
                config.redis_url.get_secret_value(), lease_seconds=config.lease_seconds
            )
        self.unlimited: Final = Admission(self.backend)
        """The admission of every request without a reservation."""

    async def admit(self, request: Request) -> Admission:
        """Reserve what a routed request may use.

        Raises `LimitExceeded` (429), or `Refusal` (503) when the backend fails and `on_backend_failure` is
        `refuse`.
        """
        limited = self._limited(request.key)
        if not limited.subjects:
            return self.unlimited
        charge = self._estimated_charge(request, limited)
        try:
            decision = await self.backend.reserve(request.request_id, limited.subjects, charge)
        except BackendError as error:
            if self._config.on_backend_failure == "serve":
                return self.unlimited
            message = "Relay cannot check the limits of this request at the moment; try again later"
            raise Refusal(503, "limits_unavailable", message) from error
        api = request.api
        if decision.exceeded is not None:
            raise LimitExceeded(api, decision, decision.exceeded)
        return Admission(self.backend, decision, api)

    def _estimated_charge(self, request: Request, limited: _LimitedKey) -> Charge:
        """Return what to reserve; prices are looked up only if money is limited."""
        assert request.call is not None
        if request.upstream is None:  # Relay answers it itself
            return Charge()
        return estimated_charge(
            request.call,
            request.upstream,
            model=request.resolved_model,
            at=request.created_at,
            default_max_tokens=self._config.default_max_tokens,
            prices=self._prices if limited.has_usd_limit else None,
        )

    def _limited(self, key: Key) -> _LimitedKey:
        cached = self._keys.get(key.id)
        if cached is None or cached.key is not key:  # a reloaded key may have other limits
            subjects = tuple(self._subjects(key))
            has_usd_limit = any(subject.quota.pico_usd_per_day is not None for subject in subjects)
            cached = self._keys[key.id] = _LimitedKey(key, subjects, has_usd_limit)
        return cached

    def _subjects(self, key: Key) -> Iterator[Subject]:
        if (own := _quota_of(key, self._defaults)).has_limits:
            yield Subject(kind="key", id=key.id, team=key.team, quota=own)
        if (team := self._teams.get(key.team, Quota())).has_limits:
            yield Subject(kind="team", id=key.team, team=key.team, quota=team)


def _quota_of(key: Key, defaults: Quota) -> Quota:
    """Return a key's own limits, completed by the defaults."""
    a_day, usd = key.tokens_per_day, key.usd_per_day
    return Quota(
        rpm=defaults.rpm if key.rpm is None else key.rpm,
        tpm=defaults.tpm if key.tpm is None else key.tpm,
        concurrency=defaults.concurrency if key.concurrency is None else key.concurrency,
        tokens_per_day=defaults.tokens_per_day if a_day is None else a_day,
        pico_usd_per_day=defaults.pico_usd_per_day if usd is None else to_pico_usd(usd),
    )
