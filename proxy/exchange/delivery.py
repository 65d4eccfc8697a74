"""Passes an upstream's answer to the client as it arrives, reading it on the way.

The record is made before the last byte leaves: a client that has an answer whole has its record too. When
the client leaves, the upstream is read on, up to a deadline, to the usage that it will bill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import HttpVersion11, web

from proxy.config.server import Server
from proxy.config.upstreams import Upstream
from proxy.errors import api_of, refusal_event
from proxy.exchange.poll_timer import PollTimer
from proxy.exchange.source import CLIENT_GONE, Source, has_left
from proxy.exchange.stream_filter import StreamFilter
from proxy.metering.answer import MAX_JSON_BYTES, AnswerReader
from proxy.metering.record_builder import Outcome
from proxy.pii.restore import Restorer, restored_body
from proxy.pii.stream import StreamRestorer
from proxy.request.call import METERED
from proxy.segments.record import Fault
from proxy.sse import begins_stream
from proxy.upstream.client import UpstreamFault
from proxy.upstream.write_batching import WriteBatch

LATE_USAGE_SECONDS: Final = 1.0  # for usage that was asked for, after a stream has said that it is done
_FREE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})  # they look, and generate nothing


class Passing:
    """One answer on its way. `end` writes the record and returns when it is as durable as configured."""

    def __init__(
        self,
        http: web.Request,
        reading: AnswerReader,
        source: Source,
        *,
        server: Server,
        restorer: Restorer | None,
        outbox: WriteBatch,
        watch: PollTimer,
        end: Callable[[Outcome], Awaitable[None]],
        content: Callable[[], None],
    ) -> None:
        self._http = http
        self._protocol = http.protocol
        self._reading = reading
        self._source = source
        self._server = server
        self._restorer = restorer
        self._outbox = outbox
        self._watch = watch
        self._end = end
        self._content = content
        self._response = web.StreamResponse()
        self._stream: StreamFilter | None = None
        self._client: asyncio.Transport | None = None
        self._held = b""
        self._writing_since: float | None = None
        self._draining = False
        self.gone_ns: int | None = None

    async def pass_on(self, headers: Mapping[str, str]) -> web.StreamResponse:
        """Passes the answer on under these headers. Raises `LogWriteError` when it may not be ended."""
        source = self._source
        if source.whole:
            return await self._pass_whole(source.whole, headers)
        self._response = web.StreamResponse(status=source.status, headers=headers)
        del headers  # it has a copy
        if not (source.streams or source.drop_usage or self._restorer) and source.length is not None:
            self._response.content_length = source.length
        elif self._http.version < HttpVersion11:
            self._response.force_close()  # nothing but its end tells the client that the answer is whole
        fault: UpstreamFault | None = None
        last = b""
        try:
            async with asyncio.timeout_at(source.until) as self._deadline:
                self._watch.begin(self._look)
                try:
                    await self._to_client(self._response.prepare(self._http))
                    last = await (self._events() if source.streams else self._body())
                finally:
                    self._watch.end(self._look)
        except UpstreamFault as broken:
            fault = None if self._stream and self._reading.finished else broken
        except TimeoutError:
            if not self._deadline.expired():
                raise
            fault = None if self.gone_ns or self._reading.finished else _too_long(source.upstream)
        await self._end(self._outcome(fault))
        await self._close(last, fault)
        return self._response

    async def _pass_whole(self, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
        """Leaves head and body to be sent in one write, right after those of others."""
        if self._is_read and begins_stream(body):
            stream = self._filter()
            body = stream.feed(body) + stream.end()
        else:
            body = self._understood(body)
        await self._end(self._outcome(None))
        if (turn := self._outbox.turn()) is not None:
            await turn
        self._response = web.Response(status=self._source.status, headers=headers, body=body)
        return self._response

    def _filter(self) -> StreamFilter:
        restorer = StreamRestorer(self._restorer) if self._restorer else None
        return StreamFilter(self._reading, drop_usage=self._source.drop_usage, restorer=restorer)

    async def _events(self, begun: bytes = b"") -> bytes:
        """Passes on a stream; the last event waits for the record. `begun` has been taken of it already."""
        source, self._stream = self._source, self._filter()
        if begun and not self._take(begun):
            await self._send_held()
        if source.hand_on is None:
            async for piece in source.pieces:
                if not self._take(piece):
                    await self._send_held()
        else:
            while not await source.hand_on(self._take):
                await self._send_held()
        return self._stream.end()

    def _take(self, piece: bytes) -> bool:
        """Passes on a piece at once, or holds it where something has to be waited for before."""
        assert self._stream is not None
        reading, begun = self._reading, self._reading.content_begun
        out = self._stream.feed(piece)
        if reading.content_begun and not begun:
            self._content()
        if reading.finished and self._awaits_usage():
            self._held += out
            return True
        client = self._client
        if client is None or reading.finished or self._protocol.writing_paused or client.is_closing():
            self._held += out
            return False
        if out:
            client.write(b"%x\r\n%b\r\n" % (len(out), out))
        return True

    def _awaits_usage(self) -> bool:
        """Whether a stream that is done may still tell the usage that it was asked for, as some do."""
        reading = self._reading
        if not self._source.usage_asked or reading.usage is not None or reading.fault is not None:
            return False
        if not self._held:  # for the first time
            self._end_within(LATE_USAGE_SECONDS)
        return True

    def _end_within(self, seconds: float) -> None:
        """Brings the deadline of the answer forward, where it is later."""
        soon, end = asyncio.get_running_loop().time() + seconds, self._deadline.when()
        self._deadline.reschedule(soon if end is None else min(soon, end))

    async def _send_held(self) -> None:
        """Sends what `_take` has held, by aiohttp, which waits for a client that reads slowly."""
        if self._reading.finished:
            await self._end(self._outcome(None))
        held, self._held = self._held, b""
        await self._write(held)
        if held and self._response.headers.get("Transfer-Encoding") == "chunked":
            self._client = self._http.transport  # the head has left, so chunks can follow it without aiohttp
            self._response.headers.clear()  # for aiohttp keeps them until the connection's next answer

    async def _body(self) -> bytes:
        """Passes on a body one piece behind, or whole where values go back into it, and reads it."""
        body, held = bytearray(), b""
        try:
            async for piece in self._source.pieces:
                if self._is_read and not body and begins_stream(piece):
                    return await self._events(piece)  # whatever it says that it is
                if self._restorer is None:
                    await self._write(held)
                    held = piece
                if self._restorer is not None or (self._is_read and len(body) <= MAX_JSON_BYTES):
                    body += piece  # what nobody reads, a file perhaps, only passes through
        except UpstreamFault:
            if body:
                self._understood(bytes(body))  # it may tell all the same what it used
            raise
        told = self._understood(bytes(body))
        return told if self._restorer else held

    def _understood(self, body: bytes) -> bytes:
        """Reads a whole body; gives it as the client is to have it."""
        if self._is_read:
            self._reading.read_body(body)
        return restored_body(self._restorer, body)

    @property
    def _is_read(self) -> bool:
        """Whether the body may tell usage, a model or an error."""
        return self._http.path in METERED or "json" in self._source.content_type

    def _outcome(self, fault: UpstreamFault | None) -> Outcome:
        status, told = self._source.status, None
        if self.gone_ns is not None or has_left(self._http):
            status, told = 499, CLIENT_GONE
        elif fault is not None:
            status, told = fault.status, Fault(type=fault.code, message=fault.message)
        cached = self._source.cached
        billable = not cached and self._http.method not in _FREE_METHODS
        return Outcome(status=status, fault=told, billable=billable, cached=cached)

    async def _write(self, data: bytes) -> None:
        if data and self.gone_ns is None:
            await self._to_client(self._response.write(data))

    async def _to_client(self, sending: Awaitable[object]) -> None:
        """Sends something; a client that has gone is noted."""
        self._writing_since = time.monotonic()
        try:
            await sending
        except ConnectionError:
            self._gone()
        self._writing_since = None

    def _gone(self) -> None:
        """The client has left: what the upstream still sends, and nobody else waits for, has a deadline."""
        if self.gone_ns is None:
            self.gone_ns = time.monotonic_ns()
        if not self._draining and not self._source.others_wait():
            self._draining = True
            self._end_within(self._server.drain_seconds)

    def _look(self) -> None:
        """Looks for the client, which happens now and then: no write tells, in a silence, that it left."""
        if has_left(self._http):
            self._gone()
        elif self._writing_since and time.monotonic() - self._writing_since > self._server.send_seconds:
            self.break_off()  # it reads nothing: the write that waits fails now

    def break_off(self) -> web.StreamResponse:
        """Ends the connection, so that the client sees that its answer is not whole."""
        if self._http.transport is not None:
            self._http.transport.abort()
        return self._response

    async def _close(self, last: bytes, fault: UpstreamFault | None) -> None:
        """Sends what was held back and ends the answer, or breaks it off where the upstream did."""
        if self.gone_ns is not None:
            return
        if fault is not None and (self._stream is None or self._stream.in_event):
            self.break_off()  # an error event after half of another would be taken for part of it
            return
        if fault is not None:
            held = self._stream.flush() if self._stream else b""
            last = held + refusal_event(api_of(self._http.path), fault)
        try:
            await self._response.write_eof(self._held + last)
        except ConnectionError:
            self.gone_ns = time.monotonic_ns()


def _too_long(upstream: Upstream) -> UpstreamFault:
    message = f"the upstream '{upstream.name}' took more than {upstream.timeouts.total:g} s in all"
    return UpstreamFault(504, "upstream_timeout", message, sent=True)
