"""Keeps the standing of every subject in Redis, for several workers and replicas, by the server's own time.

Each reservation and each settlement is one script, so nothing comes between check and charge anywhere. A
request holds a lease that this process renews: when it is killed, its slots come back by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

from proxy.errors import RelayError
from proxy.limits import Decision, Demand, Grant, Subject
from proxy.limits_script import decision, redis_keys, reserve_arguments, script_text, settle_arguments

_CONNECTIONS: Final = 32
_TIMEOUT_SECONDS: Final = 1.0
# After a failure nobody asks for so long: a Redis that hangs must not hold up every request.
_REST_SECONDS: Final = 1.0

_CODE: Final = re.compile(r"\b[A-Z]{3,}\b")  # OOM, READONLY, MISCONF …

_log = logging.getLogger(__name__)


class BackendError(RelayError):
    """Redis cannot tell or keep limits at the moment."""


def _what_failed(error: Exception) -> str:
    match error:
        case AuthenticationError():
            return "refuses the user or password of limits.redis_url"
        case TooSlow():
            return f"does not answer within {_TIMEOUT_SECONDS:g} s"
        case Unreachable() | OSError():
            return "cannot be reached"
        case _:  # of its text only Redis's own code: the rest may quote a command
            code = _CODE.search(str(error))
            return f"answers with an error ({code[0] if code else type(error).__name__})"


class RedisLimits:
    """Limits shared by all who use the same Redis. `url` may hold a password and is never told."""

    def __init__(self, url: str, *, lease_seconds: float) -> None:
        parts = urlsplit(url)
        self._name = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
        self._lease_ms = int(lease_seconds * 1000)
        # A reservation is not safe to repeat: whether it was made is not known when its answer is lost.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis.from_pool(pool)
        self._reserve = self._redis.register_script(script_text("reserve"))
        self._settle = self._redis.register_script(script_text("settle"))
        self._live: dict[str, Grant] = {}
        self._failure: str | None = None
        self._rests_until = 0.0
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
        try:
            with self._translated():
                await self._redis.ping()
        except BackendError as error:
            return str(error)
        return None

    async def reserve(self, lease: str, subjects: Sequence[Subject], demand: Demand) -> Decision:
        """Reserves for all subjects or for none; `lease` names the request. Raises `BackendError`."""
        if self._failure is not None and asyncio.get_running_loop().time() < self._rests_until:
            raise BackendError(self._failure)
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
        with self._translated():
            seconds, microseconds = await self._redis.time()
            expiry = seconds * 1000 + microseconds // 1000 + self._lease_ms
            pipeline = self._redis.pipeline(transaction=False)
            for grant in live:
                for leases in redis_keys(grant.subjects)[1::2]:
                    pipeline.zadd(leases, {f"{grant.lease}:{grant.reserved.tokens}": expiry}, xx=True)
            await pipeline.execute()

    async def _ask(self, lease: str, subjects: tuple[Subject, ...], demand: Demand) -> Decision:
        arguments = reserve_arguments(lease, subjects, demand, self._lease_ms)
        with self._translated():
            answer: Any = await self._reserve(keys=redis_keys(subjects), args=arguments)
        decided = decision(lease, subjects, demand, answer)
        if decided.grant is not None:
            self._live[lease] = decided.grant
        return decided

    async def _settle_once(self, grant: Grant, used: Demand) -> None:
        with suppress(BackendError), self._translated():
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

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Redis's failures as one sentence, told once in the log when they begin and once when they end."""
        try:
            yield
        except (RedisError, OSError) as error:
            sentence = f"the Redis of the limits at {self._name} {_what_failed(error)}"
            if self._failure is None:
                _log.error("%s; see limits.on_backend_failure", sentence)
            self._failure = sentence
            self._rests_until = asyncio.get_running_loop().time() + _REST_SECONDS
            raise BackendError(sentence) from error
        if self._failure is not None:
            _log.info("the Redis of the limits at %s works again", self._name)
            self._failure = None
