"""The way to a Redis as Relay uses it: quick to give up, never repeating, and telling no secret."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

from proxy.errors import BackendError

_CONNECTIONS: Final = 32
_TIMEOUT_SECONDS: Final = 1.0
# After a failure nobody asks for so long: a Redis that hangs must not hold up every request.
_REST_SECONDS: Final = 1.0
_CODE: Final = re.compile(r"\b[A-Z]{3,}\b")  # OOM, READONLY, MISCONF …

_log = logging.getLogger(__name__)


class RedisLink:
    """A pool of connections to the Redis of one section of the configuration, `limits` or `cache`.

    `url` may hold a password and is never told; `advice` ends the log line of a failure.
    """

    def __init__(self, url: str, section: str, advice: str) -> None:
        parts = urlsplit(url)
        name = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
        self._name = f"the Redis of the {section} at {name}"
        self._section = section
        self._advice = advice
        self._rests_until = 0.0
        self._refuses = False
        # A reservation is not safe to repeat: whether it was made is not known when its answer is lost.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self.redis: Redis = Redis.from_pool(pool)
        self.failure: str | None = None
        """What went wrong last, in one sentence, while nothing has worked since."""

    @property
    def rests(self) -> bool:
        """Whether it failed so lately that it is not to be asked."""
        return self.failure is not None and asyncio.get_running_loop().time() < self._rests_until

    async def unavailable(self) -> str | None:
        """Why it cannot be asked at the moment, in one sentence; None when it can."""
        try:
            with self.translated(writes=False):
                await self.redis.ping()
        except BackendError as error:
            return str(error)
        return None

    @contextmanager
    def translated(self, *, writes: bool = True) -> Iterator[None]:
        """Redis's failures as `BackendError`, told once in the log when they begin and when they end.

        A Redis that is full answers: it refuses to write at once and can still be read, so it does not rest.
        """
        try:
            yield
        except (RedisError, OSError) as error:
            sentence = f"{self._name} {self._what_failed(error)}"
            if self.failure is None:
                _log.error("%s; %s", sentence, self._advice)
            self.failure = sentence
            self._refuses = isinstance(error, ResponseError)
            if not self._refuses:
                self._rests_until = asyncio.get_running_loop().time() + _REST_SECONDS
            raise BackendError(sentence) from error
        if self.failure is not None and (writes or not self._refuses):
            _log.info("%s works again", self._name)
            self.failure = None

    def _what_failed(self, error: Exception) -> str:
        match error:
            case AuthenticationError():
                return f"refuses the user or password of {self._section}.redis_url"
            case TooSlow():
                return f"does not answer within {_TIMEOUT_SECONDS:g} s"
            case Unreachable() | OSError():
                return "cannot be reached"
            case _:  # of its text only Redis's own code: the rest may quote a command
                code = _CODE.search(str(error))
                return f"answers with an error ({code[0] if code else type(error).__name__})"
