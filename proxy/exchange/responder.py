"""Turns an upstream's answer, a cached answer or an upstream's error into the response to the client."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial

from aiohttp import web
from multidict import CIMultiDict

from proxy.cache.middleware import CacheHit, Leader
from proxy.config.upstreams import Upstream
from proxy.exchange.delivery import Delivery
from proxy.exchange.recorder import Recorder
from proxy.exchange.services import Services
from proxy.exchange.source import EVENT_STREAM, Source, no_other_readers
from proxy.metering.answer import AnswerReader
from proxy.metering.record_builder import Outcome
from proxy.pii.restore import Restorer, restored_body
from proxy.request.call import Call
from proxy.request.context import Request
from proxy.request.routing import client_headers
from proxy.segments.record import clip
from proxy.upstream.client import Answer, push_chunks, read_chunks


class Responder:
    """The response to one request.

    `restorer` restores scrubbed values, if any; `lead` is set where equal requests and the cache share the
    answer.
    """

    def __init__(
        self,
        services: Services,
        http: web.Request,
        request: Request,
        reader: AnswerReader,
        recorder: Recorder,
    ) -> None:
        self._services = services
        self._http = http
        self._request = request
        self._reader = reader
        self._recorder = recorder
        self._delivery: Delivery | None = None
        self.restorer: Restorer | None = None
        self.lead: Leader | None = None

    @property
    def disconnected_ns(self) -> int | None:
        """When the client disconnected during the delivery, in nanoseconds of the monotonic clock."""
        return self._delivery.disconnected_ns if self._delivery else None

    def abort(self) -> web.StreamResponse | None:
        """Closes the connection where an answer has begun; None where none has."""
        return self._delivery.abort() if self._delivery else None

    def close(self) -> None:
        """Breaks the reference cycle with the delivery.

        Otherwise the objects of a request would wait for the garbage collector, in memory that is warm.
        """
        self._delivery = None

    # `deliver` and `_deliver` are not coroutines: their frames would hold all this as long as a stream lasts.

    def deliver(
        self, upstream: Upstream, answer: Answer, *, requested_usage: bool, deadline: float | None
    ) -> Awaitable[web.StreamResponse]:
        """Delivers an answer below 400 whose head has arrived."""
        self._request.provider_request_id = _provider_request_id(answer.headers)
        chunks, lead, body = read_chunks(upstream, answer), self.lead, b""
        call, capture = self._request.call, self._recorder.capture
        is_stream = answer.content_type == EVENT_STREAM
        single_reader = lead is None and capture is None
        if single_reader and not is_stream:
            body = answer.buffered_body()
        elif lead is not None:
            chunks = lead.share(upstream, answer, requested_usage=requested_usage, chunks=chunks)
        if capture is not None:
            chunks = capture.observe(chunks, streams=is_stream)
        source = Source(
            upstream=upstream,
            status=answer.status,
            content_type=answer.content_type,
            length=None if "Content-Encoding" in answer.headers else answer.content_length,
            chunks=chunks,
            body=body,
            push=partial(push_chunks, upstream, answer) if single_reader else None,
            drop_usage=requested_usage,
            usage_requested=requested_usage or (call is not None and call.requests_usage),
            deadline=deadline,
            has_other_readers=lead.flight.leader_left if lead else no_other_readers,
        )
        headers = self._client_headers(answer.headers)
        if single_reader and source.is_stream and call is not None:
            # Frees what has been sent and read: the answer may take minutes.
            call.release_body()
            answer.headers.clear()
        return self._deliver(source, headers)

    async def deliver_hit(self, call: Call, hit: CacheHit, upstream: Upstream) -> web.StreamResponse:
        """Delivers another request's answer, from the store or as it arrives."""
        source = Source(
            upstream=upstream,
            status=200,
            content_type=hit.content_type,
            length=hit.length,
            chunks=hit.chunks,
            drop_usage=call.may_lack_usage and hit.has_usage,
            cached=True,
        )
        headers = self._client_headers({"Content-Type": hit.content_type})
        headers["x-relay-cache"] = "hit"
        return await self._deliver(source, headers)

    def _deliver(self, source: Source, headers: Mapping[str, str]) -> Awaitable[web.StreamResponse]:
        services = self._services
        self._request.streamed = source.is_stream
        self._delivery = Delivery(
            self._http,
            self._reader,
            source,
            server=services.config.server,
            restorer=self.restorer,
            write_batch=services.client.write_batch,
            poll_timer=services.poll_timer,
            on_end=self._end,
            on_content=self._recorder.content_began,
        )
        return self._delivery.deliver(headers)

    async def deliver_error(self, answer: Answer, body: bytes) -> web.StreamResponse:
        """Delivers an upstream's own error: nothing was generated, nothing is billed."""
        self._request.provider_request_id = _provider_request_id(answer.headers)
        self._reader.read_body(body)
        await self._end(Outcome(status=answer.status))
        restored = restored_body(self.restorer, body)
        return web.Response(status=answer.status, headers=self._client_headers(answer.headers), body=restored)

    async def _end(self, outcome: Outcome) -> None:
        await self._recorder.finish(outcome, self.disconnected_ns)

    def _client_headers(self, upstream: Mapping[str, str]) -> CIMultiDict[str]:
        headers = client_headers(upstream, self._request.request_id)
        headers.update(self._recorder.admission.headers)
        return headers


def _provider_request_id(headers: Mapping[str, str]) -> str | None:
    found = headers.get("x-request-id") or headers.get("request-id")
    return clip(found) if found else None
