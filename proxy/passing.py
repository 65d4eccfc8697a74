"""Passes an upstream's answer to the client as it arrives, reading it on the way.

The record is made before the last byte leaves: a client that has an answer whole has its record too. When
the client leaves, the upstream is read on, up to a deadline, to the usage that it will bill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import aiohttp
from aiohttp import web

from proxy.answer import MAX_JSON_BYTES, Reading, StreamFilter
from proxy.call import METERED
from proxy.config import Upstream
from proxy.errors import api_of, refusal_event
from proxy.metering import Outcome
from proxy.pii_restore import Restorer, restored_body
from proxy.pii_stream import StreamRestorer
from proxy.record import Fault
from proxy.upstream import UpstreamFault, pieces

WATCH_SECONDS: Final = 1.0
CLIENT_GONE: Final = Fault(type="client_gone", message="the client left before the answer ended")


class Passing:
    """One answer on its way. `end` writes the record and returns when it is as durable as configured."""

    def __init__(
        self,
        http: web.Request,
        reading: Reading,
        *,
        drain_seconds: float,
        restorer: Restorer | None,
        end: Callable[[Outcome], Awaitable[None]],
        content: Callable[[], None],
    ) -> None:
        self._http = http
        self._reading = reading
        self._drain_seconds = drain_seconds
        self._restorer = restorer
        self._end = end
        self._content = content
        self._response = web.StreamResponse()
        self._stream: StreamFilter | None = None
        self.gone_ns: int | None = None

    async def pass_on(
        self,
        upstream: Upstream,
        answer: aiohttp.ClientResponse,
        headers: Mapping[str, str],
        *,
        drop_usage: bool,
    ) -> web.StreamResponse:
        """Passes on an answer whose head is here. Raises `LogWriteError` when it may not be ended."""
        self._response = web.StreamResponse(status=answer.status, headers=headers)
        streams = answer.content_type == "text/event-stream"
        as_it_is = self._restorer is None and "Content-Encoding" not in answer.headers
        if not streams and as_it_is and answer.content_length is not None:
            self._response.content_length = answer.content_length
        fault: UpstreamFault | None = None
        last = b""
        try:
            async with asyncio.timeout(None) as self._deadline:
                with self._watching():
                    await self._to_client(self._response.prepare(self._http))
                    if streams:
                        last = await self._events(upstream, answer, drop_usage=drop_usage)
                    else:
                        last = await self._body(upstream, answer)
        except UpstreamFault as broken:
            fault = None if self._reading.finished else broken
        except TimeoutError:
            if not self._deadline.expired():
                raise
        await self._end(self._outcome(answer.status, fault))
        await self._close(last, fault, streams=streams)
        return self._response

    async def _events(self, upstream: Upstream, answer: aiohttp.ClientResponse, *, drop_usage: bool) -> bytes:
        """Passes on a stream; the last event waits for the record."""
        restorer = StreamRestorer(self._restorer) if self._restorer else None
        stream = self._stream = StreamFilter(self._reading, drop_usage=drop_usage, restorer=restorer)
        begun = False
        async for piece in pieces(upstream, answer):
            out = stream.feed(piece)
            if self._reading.content_begun and not begun:
                begun = True
                self._content()
            if self._reading.finished:
                await self._end(self._outcome(answer.status, None))
            await self._write(out)
        return stream.end()

    async def _body(self, upstream: Upstream, answer: aiohttp.ClientResponse) -> bytes:
        """Passes on a body, always one piece behind, and reads it when it is whole.

        One that values are put back into goes when it is whole.
        """
        body, held = bytearray(), b""
        async for piece in pieces(upstream, answer):
            if self._restorer is None:
                await self._write(held)
                held = piece
            if self._restorer is not None or len(body) <= MAX_JSON_BYTES:
                body += piece
        if self._http.path in METERED or "json" in answer.content_type:
            self._reading.read_body(bytes(body))
        return restored_body(self._restorer, bytes(body)) if self._restorer else held

    def _outcome(self, status: int, fault: UpstreamFault | None) -> Outcome:
        billable = status < 400
        if self.gone_ns is not None or self._has_left():
            return Outcome(status=499, fault=CLIENT_GONE, billable=billable)
        if fault is not None:
            told = Fault(type=fault.code, message=fault.message)
            return Outcome(status=fault.status, fault=told, billable=billable)
        return Outcome(status=status, billable=billable)

    async def _write(self, data: bytes) -> None:
        if data and self.gone_ns is None:
            await self._to_client(self._response.write(data))

    async def _to_client(self, sending: Awaitable[object]) -> None:
        """Sends something; a client that has gone is noted."""
        try:
            await sending
        except ConnectionError:
            self._gone()

    def _gone(self) -> None:
        """The client has left: what the upstream still sends has a deadline."""
        if self.gone_ns is None:
            self.gone_ns = time.monotonic_ns()
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._drain_seconds)

    def _has_left(self) -> bool:
        transport = self._http.transport
        return transport is None or transport.is_closing()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Looks now and then for the client: while the upstream is silent no write tells that it left."""
        self._look()
        try:
            yield
        finally:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._look)
        if self._has_left():
            self._gone()

    def break_off(self) -> web.StreamResponse:
        """Ends the connection, so that the client sees that its answer is not whole."""
        if self._http.transport is not None:
            self._http.transport.abort()
        return self._response

    async def _close(self, last: bytes, fault: UpstreamFault | None, *, streams: bool) -> None:
        """Sends what was held back and ends the answer, or breaks it off where the upstream did."""
        if self.gone_ns is not None:
            return
        if fault is not None and (not streams or (self._stream is not None and self._stream.in_event)):
            self.break_off()  # an error event after half of another would be taken for part of it
            return
        if fault is not None:
            held = self._stream.flush() if self._stream else b""
            last = held + refusal_event(api_of(self._http.path), fault)
        try:
            await self._response.write_eof(last)
        except ConnectionError:
            self.gone_ns = time.monotonic_ns()
