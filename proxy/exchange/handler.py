"""Handles one request: authenticate, check, admit, forward, deliver, and write exactly one record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from aiohttp import web

from proxy.cache.middleware import CacheHit, Leader
from proxy.errors import Api, LogWriteError, Refusal, api_of, refusal_body
from proxy.exchange.forwarding import Forwarding
from proxy.exchange.intake import read_request, select_upstreams
from proxy.exchange.recorder import Recorder
from proxy.exchange.responder import Responder
from proxy.exchange.services import Services
from proxy.exchange.source import CLIENT_GONE, is_disconnected
from proxy.limits.headers import LimitExceeded
from proxy.metering.answer import AnswerReader
from proxy.metering.record_builder import Outcome
from proxy.request.context import Request, new_request_id
from proxy.request.keys import Key
from proxy.segments.record import Fault, clip
from proxy.upstream.client import UpstreamFault

_log = logging.getLogger(__name__)


def handler(
    services: Services, exchange_class: type[Exchange]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of `/v1/…`, or of the routes of another exchange."""

    async def handle(http: web.Request) -> web.StreamResponse:
        key = services.find_key(http.headers)
        if key is None:
            refusal = Refusal(401, "invalid_api_key", "the Relay key is missing, unknown or revoked")
            return _refusal_response(http, refusal, {})
        services.metrics.active.inc()
        exchange = exchange_class(services, http, key)
        try:
            return await exchange.run()
        finally:
            services.metrics.active.dec()
            await exchange.close()

    return handle


class Exchange:
    """One request of an authenticated client, from its arrival to its record."""

    def __init__(self, services: Services, http: web.Request, key: Key) -> None:
        began_ns = time.monotonic_ns()
        self._services = services
        self._http = http
        self._api: Api = api_of(http.path, http.headers)
        self._reader = AnswerReader(self._api)
        self._request = Request(
            request_id=new_request_id(),
            created_at=services.now(),
            endpoint=clip(http.path),
            api=self._api,
            key=key,
            attempts=[],
        )
        self._recorder = Recorder(services, self._request, self._reader, began_ns=began_ns)
        self._responder = Responder(services, http, self._request, self._reader, self._recorder)

    async def run(self) -> web.StreamResponse:
        """Answers the client and writes one record, whatever happens."""
        try:
            return await self._answer()
        except UpstreamFault as fault:
            return self._refuse(fault, billable=fault.sent)
        except LimitExceeded as exceeded:
            return self._refuse(exceeded, limit_type=exceeded.limit_type, headers=exceeded.headers)
        except Refusal as refusal:
            return self._refuse(refusal)
        except LogWriteError:
            message = "Relay cannot write its log, so it cannot account for this request; try again later"
            return self._refuse(Refusal(503, "log_unavailable", message))
        except asyncio.CancelledError:
            message = "the proxy stopped before the answer ended"
            self._record(Outcome(status=499, fault=Fault(type="stopped", message=message), billable=True))
            raise
        except Exception:
            _log.exception("request %s met a fault of Relay's own", self._request.request_id)
            own = Refusal(500, "relay_fault", "Relay failed with an internal error; its log has the details")
            return self._refuse(own, billable=bool(self._request.attempts))

    async def close(self) -> None:
        """Releases what the request still holds of its limits, and its own objects."""
        self._responder.close()
        await self._recorder.close()

    async def _answer(self) -> web.StreamResponse:
        services, http, request = self._services, self._http, self._request
        call = request.call = await read_request(services, http, request)
        upstreams = select_upstreams(services, http, request, call, self._api)
        services.policy.check(call)
        self._recorder.admission = await services.limits.admit(request)
        call, self._responder.restorer = services.pii.scrub(request, call)
        forwarding = Forwarding(services, http, request, self._responder)
        found: CacheHit | Leader | None = None
        if services.cache.enabled:
            found = await services.cache.lookup(
                request,
                call,
                upstreams[0],
                requests_usage=forwarding.requests_usage(upstreams[0], call),
                path=http.raw_path,
                headers=http.headers,
            )
        if isinstance(found, CacheHit):
            return await self._responder.deliver_hit(call, found, upstreams[0])
        self._responder.leader = found
        try:
            if is_disconnected(http):
                raise Refusal(499, CLIENT_GONE.type, CLIENT_GONE.message)
            self._recorder.intend(call.model or "")
            return await forwarding.send(upstreams, call)
        finally:
            if found is not None:
                await services.cache.finish(found, self._reader)

    def _refuse(
        self,
        refusal: Refusal,
        *,
        billable: bool = False,
        limit_type: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> web.StreamResponse:
        """Writes the record of a request that failed, and answers unless an answer has begun."""
        fault = Fault(type=refusal.code, message=refusal.message)
        self._record(Outcome(status=refusal.status, fault=fault, billable=billable, limit_type=limit_type))
        if (begun := self._responder.abort()) is not None:
            return begun
        request_id = self._request.request_id
        return _refusal_response(self._http, refusal, {"x-relay-request-id": request_id, **headers})

    def _record(self, outcome: Outcome) -> None:
        self._recorder.record(outcome, self._responder.disconnected_ns)


def _refusal_response(http: web.Request, refusal: Refusal, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=refusal.status,
        headers=headers,
        body=refusal_body(api_of(http.path, http.headers), refusal),
        content_type="application/json",
    )
