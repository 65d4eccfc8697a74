"""The way of one request: authenticate, read, route, pass on, and leave exactly one record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType

from aiohttp import web
from multidict import CIMultiDict

from proxy.cache.middleware import CacheHit, Leader
from proxy.config.upstreams import Upstream
from proxy.content.capture import Capture
from proxy.errors import Api, LogWriteError, Refusal, api_of, refusal_body
from proxy.exchange.delivery import Passing
from proxy.exchange.forwarding import Forwarding
from proxy.exchange.receiving import received
from proxy.exchange.services import Services, check_model
from proxy.exchange.source import CLIENT_GONE, EVENT_STREAM, Source, has_left, nobody
from proxy.limits.headers import LimitExceeded
from proxy.metering.answer import AnswerReader
from proxy.metering.record_builder import Outcome, make_record
from proxy.pii.restore import Restorer, restored_body
from proxy.request.call import Call, read_call
from proxy.request.context import Request, new_request_id
from proxy.request.keys import Key
from proxy.request.routing import check_route, client_headers
from proxy.segments.record import Fault, clip, elapsed_ms
from proxy.upstream.client import Answer, UpstreamFault, hand_on, pieces

_log = logging.getLogger(__name__)


def handler(gateway: Services) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What answers any request to `/v1/…`."""

    async def handle(http: web.Request) -> web.StreamResponse:
        key = gateway.key_of(http.headers)
        if key is None:
            refusal = Refusal(401, "invalid_api_key", "the Relay key is missing, unknown or revoked")
            return _refuse(http, refusal, {})
        gateway.metrics.active.inc()
        exchange = Exchange(gateway, http, key)
        try:
            return await exchange.run()
        finally:
            gateway.metrics.active.dec()
            await exchange.close()

    return handle


class Exchange:
    """One request of an authenticated client, from its arrival to its record."""

    def __init__(self, gateway: Services, http: web.Request, key: Key) -> None:
        self._began = time.monotonic_ns()
        self._gateway = gateway
        self._http = http
        self._api: Api = api_of(http.path)
        self._reading = AnswerReader(self._api)
        self._recorded = False
        self._passing: Passing | None = None
        self._admission = gateway.limits.unlimited
        self._restorer: Restorer | None = None
        self._lead: Leader | None = None
        self._capture = Capture(gateway.pii) if gateway.writer.captures_content else None
        self._request = Request(
            request_id=new_request_id(),
            created_at=gateway.now(),
            endpoint=clip(http.path),
            key=key,
            attempts=[],
        )

    async def run(self) -> web.StreamResponse:
        """Answers the client and leaves one record, whatever happens."""
        try:
            return await self._answer()
        except UpstreamFault as fault:
            return self._refused(fault, billable=fault.sent)
        except LimitExceeded as over:
            return self._refused(over, limit_type=over.limit_type, headers=over.headers)
        except Refusal as refusal:
            return self._refused(refusal)
        except LogWriteError:
            message = "Relay cannot write its log, so it cannot account for this request; try again later"
            return self._refused(Refusal(503, "log_unavailable", message))
        except asyncio.CancelledError:
            message = "the proxy stopped before the answer ended"
            self._record(Outcome(status=499, fault=Fault(type="stopped", message=message), billable=True))
            raise
        except Exception:
            _log.exception("request %s met a fault of Relay's own", self._request.request_id)
            own = Refusal(500, "relay_fault", "Relay met a fault of its own; its log says which")
            return self._refused(own, billable=bool(self._request.attempts))

    async def close(self) -> None:
        """Gives back what the request still holds of its limits, and lets go of its own objects.

        `Passing` knows the exchange that knows it: left so, all that a request was made of would wait for
        the garbage collector, in memory that the next request then does not find warm.
        """
        self._passing = None
        if self._admission.holds:
            await self._admission.end()

    async def _answer(self) -> web.StreamResponse:
        call = self._request.call = read_call(
            self._request.endpoint,
            self._http.method,
            await received(self._http, self._gateway.config.server),
        )
        if call.body is not None and self._gateway.may_differ(self._request.key, call):
            call = self._request.call = call.reencoded()
        upstreams = self._route(call)
        self._gateway.policy.check(call)
        self._admission = await self._gateway.limits.admit(self._request)
        call, self._restorer = self._gateway.pii.scrub(self._request, call)
        forwarding = Forwarding(self._gateway, self._http, self._request, self)
        found: CacheHit | Leader | None = None
        if self._gateway.cache.enabled:
            found = await self._gateway.cache.lookup(
                self._request,
                call,
                upstreams[0],
                requests_usage=forwarding.asks_usage(upstreams[0], call),
                path=self._http.raw_path,
                headers=self._http.headers,
            )
        if isinstance(found, CacheHit):
            return await self._pass_hit(call, found, upstreams[0])
        self._lead = found
        try:
            if has_left(self._http):
                raise Refusal(499, CLIENT_GONE.type, CLIENT_GONE.message)
            self._intend(call)
            return await forwarding.send(upstreams, call)
        finally:
            if found is not None:
                await self._gateway.cache.finish(found, self._reading)

    def _route(self, call: Call) -> tuple[Upstream, ...]:
        """The upstreams to ask, in their order. Raises `Refusal` (400, 403, 404, 405)."""
        key, router = self._request.key, self._gateway.router
        check_route(self._http.method, self._http.path, self._http.query_string)
        check_model(key, call)
        model = self._request.resolved_model = call.model and router.resolve(call.model)
        upstreams = router.candidates(self._api, model)
        if not upstreams:
            what = f"the model '{call.model}'" if call.model else "this route"
            raise Refusal(404, "model_not_found", f"no upstream is configured for {what}")
        self._request.upstream = upstreams[0]
        return upstreams

    def _intend(self, call: Call) -> None:
        request = self._request
        self._gateway.writer.intent(
            request_id=request.request_id,
            created_at=request.created_at,
            user_id=request.key.user,
            team_id=request.key.team,
            model=call.model or "",
            endpoint=request.endpoint,
        )

    def pass_on(
        self, upstream: Upstream, answer: Answer, *, asked_usage: bool, until: float | None
    ) -> Awaitable[web.StreamResponse]:
        """Passes on an answer below 400, whose head is here."""
        self._request.provider_request_id = _provider_request_id(answer.headers)
        parts, lead, whole = pieces(upstream, answer), self._lead, b""
        call = self._request.call
        alone = lead is None and self._capture is None
        if alone and answer.content_type != EVENT_STREAM:
            whole = answer.at_once()
        elif lead is not None:
            parts = lead.share(upstream, answer, requested_usage=asked_usage, chunks=parts)
        if self._capture is not None:
            parts = self._capture.observe(parts, streams=answer.content_type == EVENT_STREAM)
        source = Source(
            upstream=upstream,
            status=answer.status,
            content_type=answer.content_type,
            length=None if "Content-Encoding" in answer.headers else answer.content_length,
            pieces=parts,
            whole=whole,
            hand_on=partial(hand_on, upstream, answer) if alone else None,
            drop_usage=asked_usage,
            usage_asked=asked_usage or (call is not None and call.requests_usage),
            until=until,
            others_wait=lead.flight.leader_left if lead else nobody,
        )
        headers = self._client_headers(answer.headers)
        if alone and source.streams and call is not None:
            # What has been sent and read is let go of: the answer may take minutes.
            call.release_body()
            answer.headers.clear()
        return self._pass(source, headers)

    async def _pass_hit(self, call: Call, hit: CacheHit, upstream: Upstream) -> web.StreamResponse:
        """Passes on another request's answer: whole from the store, or as it comes."""
        source = Source(
            upstream=upstream,
            status=200,
            content_type=hit.content_type,
            length=hit.length,
            pieces=hit.chunks,
            drop_usage=call.may_lack_usage and hit.has_usage,
            cached=True,
        )
        headers = self._client_headers({"Content-Type": hit.content_type})
        headers["x-relay-cache"] = "hit"
        return await self._pass(source, headers)

    def _pass(self, source: Source, headers: Mapping[str, str]) -> Awaitable[web.StreamResponse]:
        # No coroutines, this and `pass_on`: their frames would last, and hold all this, as long as a stream.
        self._request.streamed = source.streams
        self._passing = Passing(
            self._http,
            self._reading,
            source,
            server=self._gateway.config.server,
            restorer=self._restorer,
            outbox=self._gateway.client.outbox,
            watch=self._gateway.watch,
            end=self._end,
            content=self._content_began,
        )
        return self._passing.pass_on(headers)

    async def pass_error(self, answer: Answer, body: bytes) -> web.StreamResponse:
        """Passes on an upstream's own refusal: nothing was generated, nothing is billed."""
        self._request.provider_request_id = _provider_request_id(answer.headers)
        self._reading.read_body(body)
        await self._end(Outcome(status=answer.status))
        told = restored_body(self._restorer, body)
        return web.Response(status=answer.status, headers=self._client_headers(answer.headers), body=told)

    def _client_headers(self, upstream: Mapping[str, str]) -> CIMultiDict[str]:
        headers = client_headers(upstream, self._request.request_id)
        headers.update(self._admission.headers)
        return headers

    def _content_began(self) -> None:
        self._request.ttft_ms = elapsed_ms(time.monotonic_ns() - self._began)

    def _refused(
        self,
        refusal: Refusal,
        *,
        billable: bool = False,
        limit_type: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> web.StreamResponse:
        fault = Fault(type=refusal.code, message=refusal.message)
        outcome = Outcome(status=refusal.status, fault=fault, billable=billable, limit_type=limit_type)
        self._record(outcome)
        if self._passing is not None:
            return self._passing.break_off()
        return _refuse(self._http, refusal, {"x-relay-request-id": self._request.request_id, **headers})

    async def _end(self, outcome: Outcome) -> None:
        self._record(outcome)
        if self._gateway.writer.waits_for_disk:
            await self._gateway.writer.durable()
        if self._admission.holds:
            await self._admission.settled()

    def _record(self, outcome: Outcome) -> None:
        if self._recorded:
            return
        self._recorded = True
        gone = self._passing.gone_ns if self._passing else None
        latency = elapsed_ms((gone or time.monotonic_ns()) - self._began)
        record = make_record(self._request, self._reading, outcome, self._gateway.prices, latency)
        self._admission.settle(record)
        if self._capture is not None and self._request.attempts:
            self._gateway.writer.content(self._capture.content(self._request))
        self._gateway.writer.record(record)
        self._gateway.metrics.observe(record)


def _provider_request_id(headers: Mapping[str, str]) -> str | None:
    found = headers.get("x-request-id") or headers.get("request-id")
    return clip(found) if found else None


def _refuse(http: web.Request, refusal: Refusal, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=refusal.status,
        headers=headers,
        body=refusal_body(api_of(http.path), refusal),
        content_type="application/json",
    )
