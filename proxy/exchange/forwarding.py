"""Finds the upstream that answers a request: those that fit in turn, until one neither fails nor refuses.

The next one is asked only while it costs nobody twice: when the one before could not be reached, or answered
429 or 5xx. What may have reached a provider and got no answer is never sent again.
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
from proxy.upstream.client import Answer, UpstreamFault, pieces


class Delivery(Protocol):
    """What becomes of the answer that is the client's."""

    def pass_on(
        self, upstream: Upstream, answer: Answer, *, asked_usage: bool, until: float | None
    ) -> Awaitable[web.StreamResponse]:
        """An answer below 400, not yet read, that must be whole at `until` of the event loop's time.

        `asked_usage`: Relay asked for usage where the client did not.
        """

    async def pass_error(self, answer: Answer, body: bytes) -> web.StreamResponse:
        """An upstream's own refusal."""


class Forwarding:
    """One request's way to its upstreams; each attempt is noted in `request`."""

    def __init__(self, gateway: Services, http: web.Request, request: Request, delivery: Delivery) -> None:
        self._gateway = gateway
        self._http = http
        self._request = request
        self._delivery = delivery

    async def send(self, upstreams: Sequence[Upstream], call: Call) -> web.StreamResponse:
        """Asks these upstreams in turn; the last one's answer is the client's. Raises `UpstreamFault`."""
        order = self._gateway.health.order(upstreams, self._request.resolved_model)
        for upstream in order[:-1]:
            response = await self._ask(upstream, call, ask_usage=self.asks_usage(upstream, call), last=False)
            if response is not None:
                return response
        last = order[-1]
        response = await self._ask(last, call, ask_usage=self.asks_usage(last, call), last=True)
        assert response is not None
        return response

    def asks_usage(self, upstream: Upstream, call: Call) -> bool:
        """Whether Relay asks this upstream for usage where the client did not."""
        return (
            call.may_lack_usage
            and upstream.needs_usage_option
            and upstream.name not in self._gateway.without_stream_options
        )

    async def _ask(
        self, upstream: Upstream, call: Call, *, ask_usage: bool, last: bool
    ) -> web.StreamResponse | None:
        """Sends the request; None when it failed so that another upstream may be asked."""
        gateway, http, model = self._gateway, self._http, self._request.resolved_model
        self._request.upstream = upstream
        headers = upstream_headers(upstream, gateway.provider_keys.get(upstream.name), http.headers)
        url = upstream_url(upstream, http.rel_url.raw_path, http.rel_url.raw_query_string)
        total = upstream.timeouts.total
        until = None if total is None else asyncio.get_running_loop().time() + total
        began, status = time.monotonic_ns(), None
        try:
            body = call.upstream_body(model=model, include_usage=ask_usage)
            sending = gateway.client.send(upstream, http.method, url, headers, body)
            del headers, body  # let go of when they are sent: the answer may take minutes
            async with sending as answer:
                status = answer.status
                self._attempted(upstream, status, began)
                if status < 400:
                    gateway.health.record_success(upstream, model)
                    return await self._delivery.pass_on(upstream, answer, asked_usage=ask_usage, until=until)
                error = b"".join([piece async for piece in pieces(upstream, answer)])
        except UpstreamFault as fault:
            if status is None:
                self._attempted(upstream, None, began)
            gateway.health.record_failure(upstream, model)
            refused = status is not None and status >= 400
            if refused:
                fault.sent = False  # whatever became of its words, nothing is billed
            if last or ((fault.sent or refused) and not _is_overload(status)):
                raise
            return None
        if ask_usage and status in {400, 422} and b"stream_options" in error:
            return await self._without_stream_options(upstream, call, last=last)
        if _is_overload(status):
            gateway.health.record_failure(
                upstream, model, wait=_retry_after(answer.headers) if status == 429 else None
            )
            if not last:
                return None
        return await self._delivery.pass_error(answer, error)

    async def _without_stream_options(
        self, upstream: Upstream, call: Call, *, last: bool
    ) -> web.StreamResponse | None:
        """Asks once more as the client did, and remembers when that was what the upstream did not take."""
        streams = (call.body or {}).get("stream") is True  # what only some take for a stream tells nothing
        response = await self._ask(upstream, call, ask_usage=False, last=last)
        if streams and response is not None and response.status < 400:
            self._gateway.without_stream_options.add(upstream.name)
        return response

    def _attempted(self, upstream: Upstream, status: int | None, began: int) -> None:
        latency = elapsed_ms(time.monotonic_ns() - began)
        self._request.attempts.append(Attempt(provider=upstream.name, status=status, latency_ms=latency))


def _is_overload(status: int | None) -> bool:
    return status is not None and (status == 429 or status >= 500)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a refusal asks to wait for; None when it names none, or a date."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
