"""The way of one request: authenticate, read, route, pass on, and leave exactly one record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from ulid import ULID

from proxy.answer import Reading
from proxy.call import Call, read_call
from proxy.config import Config, Upstream
from proxy.errors import Api, LogWriteError, Refusal, api_of, refusal_body
from proxy.keys import PREFIX, Key, KeyStore
from proxy.limits_gate import Admission, Gate
from proxy.limits_headers import LimitExceeded
from proxy.metering import Outcome, Request, make_record
from proxy.metrics import Metrics
from proxy.passing import CLIENT_GONE, Passing
from proxy.pii_gate import PiiGate
from proxy.pii_restore import Restorer, restored_body
from proxy.policy import Policy
from proxy.prices import PriceTable
from proxy.record import Attempt, Fault, clip, elapsed_ms
from proxy.routing import Router, client_headers, upstream_headers, upstream_url
from proxy.upstream import Client, UpstreamFault, pieces
from proxy.writer import Writer

_log = logging.getLogger(__name__)


class Gateway:
    """What every request needs, made once per process."""

    def __init__(
        self,
        *,
        config: Config,
        keys: KeyStore,
        prices: PriceTable,
        metrics: Metrics,
        limits: Gate,
        policy: Policy,
        pii: PiiGate,
        writer: Writer,
        provider_keys: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self.config = config
        self.keys = keys
        self.prices = prices
        self.metrics = metrics
        self.limits = limits
        self.policy = policy
        self.pii = pii
        self.writer = writer
        self.provider_keys = provider_keys
        self.router = Router(config)
        self.now = now
        self.without_stream_options: set[str] = set()
        self.client: Client | None = None

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Any request to `/v1/…`."""
        key = self._authenticate(http.headers)
        if key is None:
            refusal = Refusal(401, "invalid_api_key", "the Relay key is missing, unknown or revoked")
            return _refuse(http, refusal, {})
        self.metrics.active.inc()
        exchange = Exchange(self, http, key)
        try:
            return await exchange.run()
        finally:
            self.metrics.active.dec()
            await exchange.close()

    def _authenticate(self, headers: Mapping[str, str]) -> Key | None:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        raw = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return self.keys.find(raw) if raw.startswith(PREFIX) else None


class Exchange:
    """One request of an authenticated client, from its arrival to its record."""

    def __init__(self, gateway: Gateway, http: web.Request, key: Key) -> None:
        self._began = time.monotonic_ns()
        self._gateway = gateway
        self._http = http
        self._api: Api = api_of(http.path)
        self._reading = Reading(self._api)
        self._recorded = False
        self._passing: Passing | None = None
        self._admission = Admission(gateway.limits.backend)
        self._restorer: Restorer | None = None
        self._request = Request(
            request_id=f"req_{str(ULID()).lower()}",
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
        """Gives back what the request still holds of its limits."""
        await self._admission.end()

    async def _answer(self) -> web.StreamResponse:
        try:
            raw = await self._http.read()
        except web.HTTPRequestEntityTooLarge:
            limit = self._gateway.config.server.max_body_bytes
            raise Refusal(413, "request_too_large", f"the body is larger than {limit} bytes") from None
        except ConnectionError:
            raise Refusal(499, CLIENT_GONE.type, CLIENT_GONE.message) from None
        except web.RequestPayloadError:
            message = "the body cannot be read: it is not encoded or framed as its headers say"
            raise Refusal(400, "unreadable_body", message) from None
        call = self._request.call = read_call(self._request.endpoint, self._http.method, raw)
        upstream = self._request.upstream = self._route(call)
        self._gateway.policy.check(call)
        self._admission = await self._gateway.limits.admit(self._request)
        call, self._restorer = self._gateway.pii.scrub(self._request, call)
        self._intend(call)
        asks = upstream.asks_for_usage and upstream.name not in self._gateway.without_stream_options
        return await self._ask(upstream, call, ask_usage=asks and call.may_lack_usage)

    def _route(self, call: Call) -> Upstream:
        key, router = self._request.key, self._gateway.router
        if not {".", ".."}.isdisjoint(self._http.path.split("/")):
            raise Refusal(404, "not_found", "a route cannot have '.' or '..' in it")
        if call.model is not None and not key.allows(call.model):
            raise Refusal(403, "model_not_allowed", f"this Relay key may not use the model '{call.model}'")
        model = self._request.resolved_model = call.model and router.resolve(call.model)
        upstream = router.choose(self._api, model)
        if upstream is None:
            what = f"the model '{call.model}'" if call.model else "this route"
            raise Refusal(404, "model_not_found", f"no upstream is configured for {what}")
        return upstream

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

    async def _ask(self, upstream: Upstream, call: Call, *, ask_usage: bool) -> web.StreamResponse:
        """Sends the request; once more without `stream_options` to an upstream that does not take them."""
        gateway, http = self._gateway, self._http
        assert gateway.client is not None
        headers = upstream_headers(upstream, gateway.provider_keys.get(upstream.name), http.headers)
        url = upstream_url(upstream, http.rel_url.raw_path, http.rel_url.raw_query_string)
        body = call.upstream_body(model=self._request.resolved_model, ask_usage=ask_usage)
        began, status = time.monotonic_ns(), None
        try:
            async with gateway.client.send(upstream, http.method, url, headers, body) as answer:
                status = answer.status
                self._attempted(upstream, status, began)
                if status < 400:
                    return await self._pass(upstream, answer, drop_usage=ask_usage)
                error = b"".join([piece async for piece in pieces(upstream, answer)])
        except UpstreamFault:
            if status is None:
                self._attempted(upstream, None, began)
            raise
        if ask_usage and status == 400 and b"stream_options" in error:
            response = await self._ask(upstream, call, ask_usage=False)
            if response.status < 400:  # it was Relay's asking that was refused, nothing of the client's
                gateway.without_stream_options.add(upstream.name)
            return response
        return await self._pass_error(answer, error)

    def _attempted(self, upstream: Upstream, status: int | None, began: int) -> None:
        latency = elapsed_ms(time.monotonic_ns() - began)
        self._request.attempts.append(Attempt(provider=upstream.name, status=status, latency_ms=latency))

    async def _pass(
        self, upstream: Upstream, answer: aiohttp.ClientResponse, *, drop_usage: bool
    ) -> web.StreamResponse:
        self._request.streamed = answer.content_type == "text/event-stream"
        self._request.provider_request_id = _provider_request_id(answer.headers)
        self._passing = Passing(
            self._http,
            self._reading,
            drain_seconds=self._gateway.config.server.drain_seconds,
            restorer=self._restorer,
            end=self._end,
            content=self._content_began,
        )
        headers = self._client_headers(answer)
        return await self._passing.pass_on(upstream, answer, headers, drop_usage=drop_usage)

    async def _pass_error(self, answer: aiohttp.ClientResponse, body: bytes) -> web.StreamResponse:
        """Passes on an upstream's own refusal: nothing was generated, nothing is billed."""
        self._request.provider_request_id = _provider_request_id(answer.headers)
        self._reading.read_body(body)
        await self._end(Outcome(status=answer.status))
        told = restored_body(self._restorer, body)
        return web.Response(status=answer.status, headers=self._client_headers(answer), body=told)

    def _client_headers(self, answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
        headers = client_headers(answer.headers, self._request.request_id)
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
        await self._gateway.writer.durable()
        await self._admission.settled()

    def _record(self, outcome: Outcome) -> None:
        if self._recorded:
            return
        self._recorded = True
        gone = self._passing.gone_ns if self._passing else None
        latency = elapsed_ms((gone or time.monotonic_ns()) - self._began)
        record = make_record(self._request, self._reading, outcome, self._gateway.prices, latency)
        self._admission.settle(record)
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
