"""Cached answers in Redis, shared by workers and replicas; a failing Redis is an empty cache."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.cache.store import CachedAnswer
from proxy.errors import BackendError
from proxy.redis_connection import RedisConnection

_PREFIX = "relay:cache:"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CachedAnswer)


class RedisStore:
    """Answers by cache key, each for `ttl` seconds. Bodies are not encrypted."""

    def __init__(self, url: str, ttl: int) -> None:
        self._connection = RedisConnection(url, "cache", "requests are answered without the cache")
        self._ttl = ttl

    async def get(self, key: str) -> CachedAnswer | None:
        """Return the answer of a key; None when there is none, it has expired or Redis fails."""
        if self._connection.is_cooling_down:
            return None
        try:
            with self._connection.translate_errors(writes=False):
                found: Any = await self._connection.redis.get(_PREFIX + key)
        except BackendError:
            return None
        try:
            return _decoder.decode(found) if found else None
        except msgspec.DecodeError:  # of another version, or not from Relay
            return None

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer if Redis accepts it."""
        if self._connection.is_cooling_down:
            return
        try:
            with self._connection.translate_errors():
                await self._connection.redis.set(_PREFIX + key, _encoder.encode(answer), ex=self._ttl)
        except BackendError:
            return

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.redis.aclose()
