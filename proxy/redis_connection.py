"""Connections to Redis with short timeouts, without retries, and with errors that contain no secret."""

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
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from proxy.errors import BackendError

_CONNECTIONS: Final = 32
_TIMEOUT_SECONDS: Final = 1.0
# Redis is not called for this long after a failure: a Redis that hangs must not delay every request.
_COOL_DOWN_SECONDS: Final = 1.0
_CODE: Final = re.compile(r"\b[A-Z]{3,}\b")  # OOM, READONLY, MISCONF …

_log = logging.getLogger(__name__)


class RedisConnection:
    """A pool of connections to the Redis of one section of the configuration, `limits` or `cache`.

    `url` may contain a password and is never shown. `advice` ends the log line of a failure.
    """

    def __init__(self, url: str, section: str, advice: str) -> None:
        parts = urlsplit(url)
        name = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
        self._name = f"the Redis of the {section} at {name}"
        self._section = section
        self._advice = advice
        self._cool_down_ends = 0.0
        self._is_refusing = False
        # A reservation must not be retried: when its answer is lost, it may have been made.
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
        """The last failure in one sentence; None once a call has succeeded since."""

    @property
    def is_cooling_down(self) -> bool:
        """Whether the last failure is so recent that Redis must not be called."""
        return self.failure is not None and asyncio.get_running_loop().time() < self._cool_down_ends

    async def unavailable(self) -> str | None:
        """Return why Redis is not available, in one sentence; None when it is."""
        try:
            with self.translate_errors(writes=False):
                await self.redis.ping()
        except BackendError as error:
            return str(error)
        return None

    @contextmanager
    def translate_errors(self, *, writes: bool = True) -> Iterator[None]:
        """Raise errors of Redis as `BackendError`, and log once when they begin and when they end.

        A Redis without memory refuses writes immediately and still serves reads, so it gets no cool-down.
        """
        try:
            yield
        except (RedisError, OSError) as error:
            sentence = f"{self._name} {self._describe(error)}"
            if self.failure is None:
                _log.error("%s; %s", sentence, self._advice)
            self.failure = sentence
            self._is_refusing = isinstance(error, ResponseError)
            if not self._is_refusing:
                self._cool_down_ends = asyncio.get_running_loop().time() + _COOL_DOWN_SECONDS
            raise BackendError(sentence) from error
        if self.failure is not None and (writes or not self._is_refusing):
            _log.info("%s works again", self._name)
            self.failure = None

    def _describe(self, error: Exception) -> str:
        match error:
            case AuthenticationError():
                return f"refuses the user or password of {self._section}.redis_url"
            case RedisTimeoutError():
                return f"does not answer within {_TIMEOUT_SECONDS:g} s"
            case RedisConnectionError() | OSError():
                return "cannot be reached"
            case _:  # only Redis's error code: the rest of the text may quote a command
                code = _CODE.search(str(error))
                return f"answers with an error ({code[0] if code else type(error).__name__})"
