"""Keeps answers in Redis, for all workers and replicas; a Redis that fails is a cache that has nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.cache.store import Kept
from proxy.errors import BackendError
from proxy.redis_connection import RedisConnection

_PREFIX = "relay:cache:"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)


class RedisStore:
    """Answers under their hashes, each for `ttl` seconds. What they say stands there as it is."""

    def __init__(self, url: str, ttl: int) -> None:
        self._connection = RedisConnection(url, "cache", "requests are answered without the cache")
        self._ttl = ttl

    async def get(self, key: str) -> Kept | None:
        """The answer kept under a key that has not expired."""
        if self._connection.is_cooling_down:
            return None
        try:
            with self._connection.translate_errors(writes=False):
                found: Any = await self._connection.redis.get(_PREFIX + key)
        except BackendError:
            return None
        try:
            return _decoder.decode(found) if found else None
        except msgspec.DecodeError:  # another version's, or not ours
            return None

    async def put(self, key: str, kept: Kept) -> None:
        """Keeps an answer, if Redis takes it."""
        if self._connection.is_cooling_down:
            return
        try:
            with self._connection.translate_errors():
                await self._connection.redis.set(_PREFIX + key, _encoder.encode(kept), ex=self._ttl)
        except BackendError:
            return

    async def close(self) -> None:
        """Closes every connection."""
        await self._connection.redis.aclose()
