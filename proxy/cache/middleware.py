"""Answers a request from the cache, or lets it be the one that asks while equal ones wait for its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec

from proxy.cache.single_flight import BrokenFlightError, Flight
from proxy.cache.store import Form, Kept, MemoryStore, Store, answer_key, is_complete, looks_up, may_be_kept
from proxy.config.cache import Cache
from proxy.config.upstreams import Upstream
from proxy.metering.answer import Reading
from proxy.request.call import Call
from proxy.request.context import Request
from proxy.upstream.client import Answer, UpstreamFault, broken


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that costs nothing: kept, or on its way to another who asked the same first."""

    content_type: str
    pieces: AsyncIterator[bytes]
    length: int | None
    has_usage: bool


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """This request asks the upstream; `flight` takes what comes of it to the equal ones and to the store."""

    key: str
    endpoint: str
    form: Form
    upstream: Upstream
    asks_usage: bool
    flight: Flight

    def passing(
        self, upstream: Upstream, answer: Answer, *, asked_usage: bool, pieces: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """The pieces of the answer, shared when it is the one that was looked for."""
        expected = upstream is self.upstream and asked_usage == self.asks_usage
        streams = answer.content_type == "text/event-stream"
        if answer.status != 200 or not expected or streams is (self.form == "json"):
            return pieces
        self.flight.begin(answer.headers.get("Content-Type", answer.content_type))
        return self.flight.passing(pieces)


class CacheMiddleware:
    """The cache of a process. What is on its way is known to this process alone."""

    def __init__(self, settings: Cache) -> None:
        self.enabled: Final = settings.enabled
        self._settings = settings
        self._flights: dict[str, Flight] = {}
        self._store: Store = MemoryStore(settings.max_bytes, settings.ttl_seconds)
        if settings.redis_url is not None:
            from proxy.cache.redis import RedisStore  # noqa: PLC0415 -- 8 MiB for those who use it

            self._store = RedisStore(settings.redis_url.get_secret_value(), settings.ttl_seconds)

    async def find(
        self,
        request: Request,
        call: Call,
        upstream: Upstream,
        *,
        asks_usage: bool,
        path: str,
        headers: Mapping[str, str],
    ) -> Hit | Lead | None:
        """The answer, or the lead for it; None for what is not to be kept. Ends every lead with `land`."""
        if not self.enabled or not may_be_kept(call, headers) or looks_up(request.resolved_model or ""):
            return None
        form: Form = "json"
        if call.stream:
            form = "stream with usage" if asks_usage or not call.may_lack_usage else "stream"
        key = answer_key(
            call,
            form=form,
            path=path,
            upstream=upstream.name,
            model=request.resolved_model,
            team=request.key.team,
            headers=headers,
            vary=self._settings.vary_headers,
        )
        flight = Flight(self._settings.max_answer_bytes)
        lead = Lead(
            key=key,
            endpoint=request.endpoint,
            form=form,
            upstream=upstream,
            asks_usage=asks_usage,
            flight=flight,
        )
        return await self._look(lead)

    async def _look(self, lead: Lead) -> Hit | Lead | None:
        key, has_usage = lead.key, lead.form == "stream with usage"
        if flight := self._flights.get(key):
            if not await flight.join():
                return None  # nobody waits twice
            pieces = _followed(flight, lead.upstream)
            kind = flight.content_type or ""
            return Hit(content_type=kind, pieces=pieces, length=None, has_usage=has_usage)
        kept = await self._store.get(key)
        if kept is not None:
            body = kept.body
            return Hit(
                content_type=kept.content_type, pieces=_once(body), length=len(body), has_usage=has_usage
            )
        if key in self._flights:  # another began while the store was asked
            return await self._look(lead)
        self._flights[key] = lead.flight
        return lead

    async def land(self, lead: Lead, reading: Reading) -> None:
        """The answer has ended: keeps it when it is whole, complete and without a fault."""
        flight = lead.flight
        flight.end()
        try:
            body = flight.body
            sound = reading.finished and reading.fault is None and not reading.pending
            if body and sound and is_complete(lead.endpoint, lead.form, body):
                await self._store.put(lead.key, Kept(content_type=flight.content_type or "", body=body))
        finally:
            del self._flights[lead.key]

    async def close(self) -> None:
        """Ends the store's connections."""
        await self._store.close()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _followed(flight: Flight, upstream: Upstream) -> AsyncIterator[bytes]:
    try:
        async for piece in flight.following():
            yield piece
    except BrokenFlightError:
        fault: UpstreamFault = broken(upstream)
        raise fault from None
