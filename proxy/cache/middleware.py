"""Middleware of the cache: answers a request from the store or a single flight, or makes it a leader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec

from proxy.cache.single_flight import BrokenFlightError, SingleFlight
from proxy.cache.store import (
    CachedAnswer,
    Form,
    MemoryStore,
    Store,
    cache_key,
    is_cacheable,
    is_complete,
    is_search_model,
)
from proxy.config.cache import Cache
from proxy.config.upstreams import Upstream
from proxy.metering.answer import AnswerReader
from proxy.request.call import Call
from proxy.request.context import Request
from proxy.upstream.client import Answer, UpstreamFault, broken


class CacheHit(msgspec.Struct, frozen=True, kw_only=True):
    """An answer without cost: stored, or in flight for an equal request. `length` is None when in flight."""

    content_type: str
    chunks: AsyncIterator[bytes]
    length: int | None
    has_usage: bool


class Leader(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is sent upstream, and the flight that passes its answer to followers and the store."""

    key: str
    endpoint: str
    form: Form
    upstream: Upstream
    requests_usage: bool
    flight: SingleFlight

    def share(
        self, upstream: Upstream, answer: Answer, *, requested_usage: bool, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Return the chunks of the answer, shared with followers if the answer has the expected form."""
        expected = upstream is self.upstream and requested_usage == self.requests_usage
        streams = answer.content_type == "text/event-stream"
        if answer.status != 200 or not expected or streams is (self.form == "json"):
            return chunks
        self.flight.begin(answer.headers.get("Content-Type", answer.content_type))
        return self.flight.share(chunks)


class CacheMiddleware:
    """The cache of a process. Its flights are known to this process only."""

    def __init__(self, settings: Cache) -> None:
        self.enabled: Final = settings.enabled
        self._settings = settings
        self._flights: dict[str, SingleFlight] = {}
        self._store: Store = MemoryStore(settings.max_bytes, settings.ttl_seconds)
        if settings.redis_url is not None:
            from proxy.cache.redis import RedisStore  # noqa: PLC0415 -- 8 MiB, loaded only where it is used

            self._store = RedisStore(settings.redis_url.get_secret_value(), settings.ttl_seconds)

    async def lookup(
        self,
        request: Request,
        call: Call,
        upstream: Upstream,
        *,
        requests_usage: bool,
        path: str,
        headers: Mapping[str, str],
    ) -> CacheHit | Leader | None:
        """Return a hit, or the request as leader, which must be ended by `finish`; None if not cacheable."""
        model = request.resolved_model
        if not self.enabled or not is_cacheable(call, headers) or is_search_model(model or ""):
            return None
        form: Form = "json"
        if call.stream:
            form = "stream with usage" if requests_usage or not call.may_lack_usage else "stream"
        key = cache_key(
            call,
            form=form,
            path=path,
            upstream=upstream.name,
            model=model,
            team=request.key.team,
            headers=headers,
            vary=self._settings.vary_headers,
        )
        leader = Leader(
            key=key,
            endpoint=request.endpoint,
            form=form,
            upstream=upstream,
            requests_usage=requests_usage,
            flight=SingleFlight(self._settings.max_answer_bytes),
        )
        return await self._hit_or_leader(leader)

    async def _hit_or_leader(self, leader: Leader) -> CacheHit | Leader | None:
        key, has_usage = leader.key, leader.form == "stream with usage"
        if flight := self._flights.get(key):
            if not await flight.join():
                return None  # a request waits at most once
            chunks = _follow(flight, leader.upstream)
            content_type = flight.content_type or ""
            return CacheHit(content_type=content_type, chunks=chunks, length=None, has_usage=has_usage)
        cached = await self._store.get(key)
        if cached is not None:
            chunks, length = _single_chunk(cached.body), len(cached.body)
            return CacheHit(
                content_type=cached.content_type, chunks=chunks, length=length, has_usage=has_usage
            )
        if key in self._flights:  # an equal request became leader meanwhile
            return await self._hit_or_leader(leader)
        self._flights[key] = leader.flight
        return leader

    async def finish(self, leader: Leader, reading: AnswerReader) -> None:
        """End the leader's flight, and store its answer if it is complete and without a fault."""
        flight = leader.flight
        flight.end()
        try:
            body = flight.body
            succeeded = reading.finished and reading.fault is None and not reading.pending
            if body and succeeded and is_complete(leader.endpoint, leader.form, body):
                answer = CachedAnswer(content_type=flight.content_type or "", body=body)
                await self._store.put(leader.key, answer)
        finally:
            del self._flights[leader.key]

    async def close(self) -> None:
        """Close the connections of the store."""
        await self._store.close()


async def _single_chunk(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _follow(flight: SingleFlight, upstream: Upstream) -> AsyncIterator[bytes]:
    try:
        async for chunk in flight.follow():
            yield chunk
    except BrokenFlightError:
        fault: UpstreamFault = broken(upstream)
        raise fault from None
