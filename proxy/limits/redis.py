"""Limits in Redis, shared by workers and replicas; the time is the Redis server's.

Each reservation and each settlement is one script and therefore atomic. A request holds a lease that its
process renews; when the process is killed, the lease expires and its slot becomes free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from proxy.errors import BackendError
from proxy.limits.rules import Charge, Decision, Reservation, Subject
from proxy.limits.script import decision, redis_keys, reserve_arguments, script_text, settle_arguments
from proxy.redis_connection import RedisConnection


class RedisLimits:
    """Limits shared by all processes that use one Redis. `url` may contain a password and is never shown."""

    def __init__(self, url: str, *, lease_seconds: float) -> None:
        self._lease_ms = int(lease_seconds * 1000)
        self._connection = RedisConnection(url, "limits", "see limits.on_backend_failure")
        self._redis = self._connection.redis
        self._reserve = self._redis.register_script(script_text("reserve"))
        self._settle = self._redis.register_script(script_text("settle"))
        self._reservations: dict[str, Reservation] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._tasks = set[asyncio.Task[None]]()

    async def start(self) -> None:
        """Start renewing the leases of requests in flight."""
        self._renewal = asyncio.create_task(self._renew_periodically())

    async def close(self) -> None:
        """Wait for pending settlements and close all connections."""
        if self._renewal is not None:
            self._renewal.cancel()
        await asyncio.gather(*self._tasks)
        await self._redis.aclose()

    async def unavailable(self) -> str | None:
        """Return why Redis is not available, in one sentence; None when it is."""
        return await self._connection.unavailable()

    async def reserve(self, lease: str, subjects: Sequence[Subject], charge: Charge) -> Decision:
        """Reserve for all subjects or for none; `lease` is the request's id. Raises `BackendError`."""
        if self._connection.is_cooling_down:
            raise BackendError(self._connection.failure)
        call = asyncio.create_task(self._run_reserve(lease, tuple(subjects), charge))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            # The script may still run, so its reservation is released when the result is known.
            self._start_task(self._release(call))
            raise

    def settle(self, reservation: Reservation, used: Charge) -> asyncio.Task[None]:
        """Start replacing the reserved amounts by the used ones; the task ends when that is done.

        The task never fails: without settlement the reserved amounts stay charged and the lease expires.
        """
        self._reservations.pop(reservation.lease, None)
        return self._start_task(self._run_settle(reservation, used))

    async def renew(self) -> None:
        """Extend every lease of this process. Raises `BackendError`."""
        reservations = list(self._reservations.values())
        if not reservations:
            return
        with self._connection.translate_errors():
            seconds, microseconds = await self._redis.time()
            expiry = seconds * 1000 + microseconds // 1000 + self._lease_ms
            pipeline = self._redis.pipeline(transaction=False)
            for reservation in reservations:
                member = f"{reservation.lease}:{reservation.charge.tokens}"
                for leases in redis_keys(reservation.subjects)[1::2]:
                    pipeline.zadd(leases, {member: expiry}, xx=True)
            await pipeline.execute()

    async def _run_reserve(self, lease: str, subjects: tuple[Subject, ...], charge: Charge) -> Decision:
        arguments = reserve_arguments(lease, subjects, charge, self._lease_ms)
        with self._connection.translate_errors():
            answer: Any = await self._reserve(keys=redis_keys(subjects), args=arguments)
        decided = decision(lease, subjects, charge, answer)
        if decided.reservation is not None:
            self._reservations[lease] = decided.reservation
        return decided

    async def _run_settle(self, reservation: Reservation, used: Charge) -> None:
        keys, arguments = redis_keys(reservation.subjects), settle_arguments(reservation, used)
        with suppress(BackendError), self._connection.translate_errors():
            await self._settle(keys=keys, args=arguments)

    async def _release(self, call: asyncio.Task[Decision]) -> None:
        with suppress(BackendError):
            decided = await call
            if decided.reservation is not None:
                await self.settle(decided.reservation, Charge())

    def _start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _renew_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            with suppress(BackendError):  # already logged; requests in flight continue
                await self.renew()
