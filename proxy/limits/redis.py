"""Keeps the standing of every subject in Redis, for several workers and replicas, by the server's own time.

Each reservation and each settlement is one script, so nothing comes between check and charge anywhere. A
request holds a lease that this process renews: when it is killed, its slots come back by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from proxy.errors import BackendError
from proxy.limits.rules import Decision, Demand, Grant, Subject
from proxy.limits.script import decision, redis_keys, reserve_arguments, script_text, settle_arguments
from proxy.redis_connection import RedisLink


class RedisLimits:
    """Limits shared by all who use the same Redis. `url` may hold a password and is never told."""

    def __init__(self, url: str, *, lease_seconds: float) -> None:
        self._lease_ms = int(lease_seconds * 1000)
        self._link = RedisLink(url, "limits", "see limits.on_backend_failure")
        self._redis = self._link.redis
        self._reserve = self._redis.register_script(script_text("reserve"))
        self._settle = self._redis.register_script(script_text("settle"))
        self._live: dict[str, Grant] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._settling = set[asyncio.Task[None]]()

    async def start(self) -> None:
        """Begins to renew the leases of requests in flight."""
        self._renewing = asyncio.create_task(self._renew_always())

    async def close(self) -> None:
        """Waits for what is being settled, and closes every connection."""
        if self._renewing is not None:
            self._renewing.cancel()
        await asyncio.gather(*self._settling)
        await self._redis.aclose()

    async def unavailable(self) -> str | None:
        """Why limits cannot be told at the moment, in one sentence; None when they can."""
        return await self._link.unavailable()

    async def reserve(self, lease: str, subjects: Sequence[Subject], demand: Demand) -> Decision:
        """Reserves for all subjects or for none; `lease` names the request. Raises `BackendError`."""
        if self._link.rests:
            raise BackendError(self._link.failure)
        asking = asyncio.create_task(self._ask(lease, tuple(subjects), demand))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            # The script may run all the same, so what it reserves is given back when that is known.
            self._begin(self._give_back(asking))
            raise

    def settle(self, grant: Grant, used: Demand) -> asyncio.Task[None]:
        """Begins to put what was used in the place of what was reserved; the task ends when that is done.

        It never fails: what cannot be settled stays charged as reserved, and its lease ends by itself.
        """
        self._live.pop(grant.lease, None)
        return self._begin(self._settle_once(grant, used))

    async def renew(self) -> None:
        """Puts off the end of every lease that this process holds. Raises `BackendError`."""
        live = list(self._live.values())
        if not live:
            return
        with self._link.translated():
            seconds, microseconds = await self._redis.time()
            expiry = seconds * 1000 + microseconds // 1000 + self._lease_ms
            pipeline = self._redis.pipeline(transaction=False)
            for grant in live:
                for leases in redis_keys(grant.subjects)[1::2]:
                    pipeline.zadd(leases, {f"{grant.lease}:{grant.reserved.tokens}": expiry}, xx=True)
            await pipeline.execute()

    async def _ask(self, lease: str, subjects: tuple[Subject, ...], demand: Demand) -> Decision:
        arguments = reserve_arguments(lease, subjects, demand, self._lease_ms)
        with self._link.translated():
            answer: Any = await self._reserve(keys=redis_keys(subjects), args=arguments)
        decided = decision(lease, subjects, demand, answer)
        if decided.grant is not None:
            self._live[lease] = decided.grant
        return decided

    async def _settle_once(self, grant: Grant, used: Demand) -> None:
        with suppress(BackendError), self._link.translated():
            await self._settle(keys=redis_keys(grant.subjects), args=settle_arguments(grant, used))

    async def _give_back(self, asking: asyncio.Task[Decision]) -> None:
        with suppress(BackendError):
            decided = await asking
            if decided.grant is not None:
                await self.settle(decided.grant, Demand())

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task

    async def _renew_always(self) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            with suppress(BackendError):  # told already; requests in flight go on
                await self.renew()
