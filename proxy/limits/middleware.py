"""Lets a request through its limits, and settles what it used when its record is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from proxy.config.limits import Limits
from proxy.config.quota import Quota, to_pico_usd
from proxy.errors import Api, BackendError, Refusal, api_of
from proxy.limits.estimate import demand, used
from proxy.limits.headers import LimitExceeded, headers
from proxy.limits.memory import MemoryLimits, process_clock
from proxy.limits.rules import Decision, Demand, Grant, Subject
from proxy.metering.prices import PriceTable
from proxy.request.context import Request
from proxy.request.keys import Key
from proxy.segments.record import UsageRecord


class Backend(Protocol):
    """Where standings are kept: `MemoryLimits` or `RedisLimits`."""

    async def start(self) -> None:
        """Begins what must run beside the requests."""

    async def close(self) -> None:
        """Ends it, when all is settled."""

    async def unavailable(self) -> str | None:
        """Why it cannot be used at the moment."""

    async def reserve(self, lease: str, subjects: Sequence[Subject], demand: Demand) -> Decision:
        """All or nothing. Raises `BackendError`."""

    def settle(self, grant: Grant, used: Demand) -> asyncio.Task[None] | None:
        """Never fails; gives what to wait for when it is not done at once."""


class Admission:
    """One request that may go upstream: what it holds, and what its client is told of its limits."""

    def __init__(self, backend: Backend, decision: Decision | None = None, api: Api = "openai") -> None:
        self._backend = backend
        self._grant = decision.grant if decision else None
        self._settling: asyncio.Task[None] | None = None
        self.headers = headers(api, decision) if decision else {}

    @property
    def holds(self) -> bool:
        """Whether there is anything to charge, or to wait for until it is."""
        return self._grant is not None or self._settling is not None

    def settle(self, record: UsageRecord) -> None:
        """Charges what the record says and frees the slot."""
        self._settle(used(record.total_tokens, record.cost_usd))

    async def settled(self) -> None:
        """Returns when it is charged: a client that has its answer whole may ask again at once."""
        if self._settling is not None:
            await asyncio.wait({self._settling})

    async def end(self) -> None:
        """Charges what was reserved if no record could be made, so that nothing is held for ever."""
        if self._grant is not None:
            self._settle(self._grant.reserved)
        await self.settled()

    def _settle(self, used: Demand) -> None:
        grant, self._grant = self._grant, None
        if grant is not None:
            self._settling = self._backend.settle(grant, used)


class _Limited(msgspec.Struct, frozen=True):
    """A key with whoever of it and its team has limits, and whether any of these is one of money."""

    key: Key
    subjects: tuple[Subject, ...]
    in_money: bool


class LimitsMiddleware:
    """The limits of a process."""

    def __init__(self, config: Limits, prices: PriceTable, now: Callable[[], datetime]) -> None:
        self._config = config
        self._prices = prices
        self._defaults = config.defaults.quota
        self._teams = {team: section.quota for team, section in config.teams.items()}
        self._known: dict[str, _Limited] = {}
        self.backend: Backend = MemoryLimits(process_clock(now))
        if config.backend == "redis" and config.redis_url is not None:
            # Its library takes 8 MiB, which whoever does without Redis does without.
            from proxy.limits.redis import RedisLimits  # noqa: PLC0415

            self.backend = RedisLimits(
                config.redis_url.get_secret_value(), lease_seconds=config.lease_seconds
            )
        self.unlimited: Final = Admission(self.backend)
        """What a request has that holds nothing: one for all of them."""

    async def admit(self, request: Request) -> Admission:
        """Reserves what a routed request may use.

        Raises `LimitExceeded` (429), or `Refusal` (503) when the backend fails and may not be done without.
        """
        limited = self._limited(request.key)
        if not limited.subjects:
            return self.unlimited
        reserved = self._demand(request, limited)
        try:
            decision = await self.backend.reserve(request.request_id, limited.subjects, reserved)
        except BackendError as error:
            if self._config.on_backend_failure == "serve":
                return self.unlimited
            message = "Relay cannot tell the limits of this request at the moment; try again later"
            raise Refusal(503, "limits_unavailable", message) from error
        api = api_of(request.endpoint)
        if decision.exceeded is not None:
            raise LimitExceeded(api, decision, decision.exceeded)
        return Admission(self.backend, decision, api)

    def _demand(self, request: Request, limited: _Limited) -> Demand:
        """What to reserve; prices are looked up only where money is limited."""
        assert request.call is not None
        assert request.upstream is not None
        return demand(
            request.call,
            request.upstream,
            model=request.resolved_model,
            at=request.created_at,
            default_max_tokens=self._config.default_max_tokens,
            prices=self._prices if limited.in_money else None,
        )

    def _limited(self, key: Key) -> _Limited:
        known = self._known.get(key.id)
        if known is None or known.key is not key:  # a key that was read again may have other limits
            subjects = tuple(self._subjects(key))
            in_money = any(subject.quota.pico_usd_per_day is not None for subject in subjects)
            known = self._known[key.id] = _Limited(key, subjects, in_money)
        return known

    def _subjects(self, key: Key) -> Iterator[Subject]:
        if (own := _quota_of(key, self._defaults)).has_limits:
            yield Subject(kind="key", id=key.id, team=key.team, quota=own)
        if (team := self._teams.get(key.team, Quota())).has_limits:
            yield Subject(kind="team", id=key.team, team=key.team, quota=team)


def _quota_of(key: Key, defaults: Quota) -> Quota:
    """A key's own limits before the defaults."""
    a_day, usd = key.tokens_per_day, key.usd_per_day
    return Quota(
        rpm=defaults.rpm if key.rpm is None else key.rpm,
        tpm=defaults.tpm if key.tpm is None else key.tpm,
        concurrency=defaults.concurrency if key.concurrency is None else key.concurrency,
        tokens_per_day=defaults.tokens_per_day if a_day is None else a_day,
        pico_usd_per_day=defaults.pico_usd_per_day if usd is None else to_pico_usd(usd),
    )
