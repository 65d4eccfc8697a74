"""Sends a request to its upstreams in turn, until one answers.

The next upstream is tried only where nothing can be billed twice: when the one before could not be reached
or answered 429 or 5xx. A request that may have reached a provider without an answer is never sent again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from proxy.config.upstreams import Upstream
from proxy.exchange.services import Services
from proxy.request.call import Call
from proxy.request.context import Request
from proxy.request.routing import upstream_headers, upstream_url
from proxy.segments.record import Attempt, elapsed_ms
from proxy.upstream.client import Answer, UpstreamFault, read_chunks


class AnswerHandler(Protocol):
    """Sends the final answer to the client."""

    def deliver(
        self, upstream: Upstream, answer: Answer, *, requested_usage: bool, deadline: float | None
    ) -> Awaitable[web.StreamResponse]:
        """Delivers an answer below 400 whose body is unread and due at `deadline`, in the event loop's time.

        `requested_usage`: Relay requested usage and the client did not.
        """

    async def deliver_error(self, answer: Answer, body: bytes) -> web.StreamResponse:
        """Delivers an upstream's error."""


class Forwarding:
    """The attempts to send one request; each is added to `request.attempts`."""

    def __init__(
        self, services: Services, http: web.Request, request: Request, handler: AnswerHandler
    ) -> None:
        self._services = services
        self._http = http
        self._request = request
        self._handler = handler

    async def send(self, upstreams: Sequence[Upstream], call: Call) -> web.StreamResponse:
        """Tries these upstreams in turn; the last one's answer is final. Raises `UpstreamFault`."""
        order = self._services.circuit_breaker.order(upstreams, self._request.resolved_model)
        for upstream in order[:-1]:
            response = await self._try(
                upstream, call, request_usage=self.requests_usage(upstream, call), last=False
            )
            if response is not None:
                return response
        last = order[-1]
        response = await self._try(last, call, request_usage=self.requests_usage(last, call), last=True)
        assert response is not None
        return response

    def requests_usage(self, upstream: Upstream, call: Call) -> bool:
        """Whether Relay requests usage from this upstream where the client did not."""
        return (
            call.may_lack_usage
            and upstream.needs_usage_option
            and upstream.name not in self._services.without_stream_options
        )

    async def _try(
        self, upstream: Upstream, call: Call, *, request_usage: bool, last: bool
    ) -> web.StreamResponse | None:
        """Sends the request; None when it failed and another upstream may be tried."""
        services, http, model = self._services, self._http, self._request.resolved_model
        self._request.upstream = upstream
        headers = upstream_headers(upstream, services.provider_keys.get(upstream.name), http.headers)
        url = upstream_url(upstream, http.rel_url.raw_path, http.rel_url.raw_query_string)
        total = upstream.timeouts.total
        deadline = None if total is None else asyncio.get_running_loop().time() + total
        began, status = time.monotonic_ns(), None
        try:
            body = call.upstream_body(model=model, include_usage=request_usage)
            sending = services.client.send(upstream, http.method, url, headers, body)
            del headers, body  # freed when sent: the answer may take minutes
            async with sending as answer:
                status = answer.status
                self._add_attempt(upstream, status, began)
                if status < 400:
                    services.circuit_breaker.record_success(upstream, model)
                    return await self._handler.deliver(
                        upstream, answer, requested_usage=request_usage, deadline=deadline
                    )
                error = b"".join([piece async for piece in read_chunks(upstream, answer)])
        except UpstreamFault as fault:
            if status is None:
                self._add_attempt(upstream, None, began)
            services.circuit_breaker.record_failure(upstream, model)
            refused = status is not None and status >= 400
            if refused:
                fault.sent = False  # an error status is not billed, even where its body broke off
            if last or ((fault.sent or refused) and not _is_overload(status)):
                raise
            return None
        if request_usage and status in {400, 422} and b"stream_options" in error:
            return await self._without_stream_options(upstream, call, last=last)
        if _is_overload(status):
            services.circuit_breaker.record_failure(
                upstream, model, wait=_retry_after(answer.headers) if status == 429 else None
            )
            if not last:
                return None
        return await self._handler.deliver_error(answer, error)

    async def _without_stream_options(
        self, upstream: Upstream, call: Call, *, last: bool
    ) -> web.StreamResponse | None:
        """Tries again without `stream_options`; if that works, remembers that the upstream refuses them."""
        streams = (call.body or {}).get("stream") is True  # a value that only some accept proves nothing
        response = await self._try(upstream, call, request_usage=False, last=last)
        if streams and response is not None and response.status < 400:
            self._services.without_stream_options.add(upstream.name)
        return response

    def _add_attempt(self, upstream: Upstream, status: int | None, began: int) -> None:
        latency = elapsed_ms(time.monotonic_ns() - began)
        self._request.attempts.append(Attempt(provider=upstream.name, status=status, latency_ms=latency))


def _is_overload(status: int | None) -> bool:
    return status is not None and (status == 429 or status >= 500)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of `Retry-After`; None when it is absent or a date."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
