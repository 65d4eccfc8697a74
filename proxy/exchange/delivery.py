"""Delivers an upstream's answer to the client as it arrives, and reads it on the way.

The record is written before the last byte is sent: a client that has a whole answer has its record too. When
the client disconnects, the rest of the upstream's answer is read, up to a deadline, for the usage it reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from proxy.config.server import Server
from proxy.config.upstreams import Upstream
from proxy.errors import api_of, refusal_event
from proxy.exchange.client_writer import ClientWriter
from proxy.exchange.poll_timer import PollTimer
from proxy.exchange.source import CLIENT_GONE, Source
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

LATE_USAGE_SECONDS: Final = 1.0  # how long a finished stream may take to send the usage that was requested
_UNBILLED_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class Delivery:
    """The delivery of one answer.

    `on_end` writes the record and returns when it is as durable as configured; `on_content` is called at the
    first generated text of a stream.
    """

    def __init__(
        self,
        http: web.Request,
        reader: AnswerReader,
        source: Source,
        *,
        server: Server,
        restorer: Restorer | None,
        write_batch: WriteBatch,
        poll_timer: PollTimer,
        on_end: Callable[[Outcome], Awaitable[None]],
        on_content: Callable[[], None],
    ) -> None:
        self._http = http
        self._reader = reader
        self._source = source
        self._server = server
        self._restorer = restorer
        self._write_batch = write_batch
        self._poll_timer = poll_timer
        self._on_end = on_end
        self._on_content = on_content
        self._stream: StreamFilter | None = None
        self._pending = b""
        self._draining = False
        self._client = ClientWriter(http, send_seconds=server.send_seconds, fast_path=server.fast_path)

    @property
    def disconnected_ns(self) -> int | None:
        """When the client disconnected, in nanoseconds of the monotonic clock."""
        return self._client.disconnected_ns

    def abort(self) -> web.StreamResponse:
        """Closes the connection, so that the client sees that its answer is incomplete."""
        return self._client.abort()

    async def deliver(self, headers: Mapping[str, str]) -> web.StreamResponse:
        """Delivers the answer with these headers. Raises `LogWriteError` if it cannot be recorded."""
        source = self._source
        if source.body:
            return await self._deliver_whole(source.body, headers)
        is_changed = source.is_stream or source.drop_usage or self._restorer is not None
        fault: UpstreamFault | None = None
        last = b""
        try:
            async with asyncio.timeout_at(source.deadline) as self._deadline:
                self._poll_timer.add(self._poll)
                try:
                    await self._client.start(source.status, headers, None if is_changed else source.length)
                    del headers  # the response has a copy; the stream may take minutes
                    self._drain_if_disconnected()
                    last = await (self._deliver_stream() if source.is_stream else self._deliver_body())
                finally:
                    self._poll_timer.remove(self._poll)
        except UpstreamFault as broken:
            fault = None if self._stream and self._reader.finished else broken
        except TimeoutError:
            if not self._deadline.expired():
                raise
            is_complete = self.disconnected_ns or self._reader.finished
            fault = None if is_complete else _total_timeout(source.upstream)
        await self._on_end(self._outcome(fault))
        return await self._finish(last, fault)

    async def _deliver_whole(self, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
        """Returns a response that is sent in one write, batched with those of other requests."""
        if self._is_read and begins_stream(body):
            stream = self._filter()
            body = stream.feed(body) + stream.end()
        else:
            body = self._read_body(body)
        await self._on_end(self._outcome(None))
        if (turn := self._write_batch.turn()) is not None:
            await turn
        return web.Response(status=self._source.status, headers=headers, body=body)

    def _filter(self) -> StreamFilter:
        return StreamFilter(
            self._reader,
            drop_usage=self._source.drop_usage,
            restorer=StreamRestorer(self._restorer) if self._restorer else None,
            fast_path=self._server.fast_path,
        )

    async def _deliver_stream(self, begun: bytes = b"") -> bytes:
        """Delivers a stream, whose first chunk may be `begun`; returns what must be sent after the record."""
        source, self._stream = self._source, self._filter()
        if begun and not self._take(begun):
            await self._send_pending()
        if source.push is None or not self._server.fast_path:
            async for chunk in source.chunks:
                if not self._take(chunk):
                    await self._send_pending()
        else:
            while not await source.push(self._take):
                await self._send_pending()
        return self._stream.end()

    def _take(self, chunk: bytes) -> bool:
        """Delivers a chunk of a stream; False when `_send_pending` must be awaited before the next."""
        assert self._stream is not None
        reader, had_content = self._reader, self._reader.content_begun
        data = self._stream.feed(chunk)
        if reader.content_begun and not had_content:
            self._on_content()
        if reader.finished:
            taken = self._awaits_usage()
        elif self._client.write_now(data):
            return True
        else:
            taken = False
        self._pending += data
        return taken

    async def _send_pending(self) -> None:
        if self._reader.finished:
            await self._on_end(self._outcome(None))
        pending, self._pending = self._pending, b""
        await self._write(pending)

    def _awaits_usage(self) -> bool:
        """Whether a finished stream may still send the usage that was requested, as some do."""
        reader = self._reader
        if not self._source.usage_requested or reader.usage is not None or reader.fault is not None:
            return False
        if not self._pending:  # the first time
            self._end_within(LATE_USAGE_SECONDS)
        return True

    def _end_within(self, seconds: float) -> None:
        """Moves the deadline of the answer forward, if it is later."""
        soon, end = asyncio.get_running_loop().time() + seconds, self._deadline.when()
        self._deadline.reschedule(soon if end is None else min(soon, end))

    async def _write(self, data: bytes) -> None:
        await self._client.write(data)
        self._drain_if_disconnected()

    def _poll(self) -> None:
        self._client.poll()
        self._drain_if_disconnected()

    def _drain_if_disconnected(self) -> None:
        """Sets a deadline for the rest when the client has gone, unless other clients read it too."""
        if self.disconnected_ns is None or self._draining or self._source.has_other_readers():
            return
        self._draining = True
        self._end_within(self._server.drain_seconds)

    async def _deliver_body(self) -> bytes:
        """Delivers and reads a body, one chunk behind, or at once where values must be restored in it.

        Returns what must be sent after the record.
        """
        body, last = bytearray(), b""
        try:
            async for chunk in self._source.chunks:
                if self._is_read and not body and begins_stream(chunk):
                    return await self._deliver_stream(chunk)  # whatever its Content-Type
                if self._restorer is None:
                    await self._write(last)
                    last = chunk
                if self._restorer is not None or (self._is_read and len(body) <= MAX_JSON_BYTES):
                    body += chunk  # other bodies, such as files, only pass through
        except UpstreamFault:
            if body:
                self._read_body(bytes(body))  # it may still report usage
            raise
        restored = self._read_body(bytes(body))
        return restored if self._restorer else last

    def _read_body(self, body: bytes) -> bytes:
        """Reads a whole body; returns it with its values restored."""
        if self._is_read:
            self._reader.read_body(body)
        return restored_body(self._restorer, body)

    @property
    def _is_read(self) -> bool:
        """Whether the body may report usage, a model or an error."""
        return self._http.path in METERED or "json" in self._source.content_type

    def _outcome(self, upstream_fault: UpstreamFault | None) -> Outcome:
        status, fault = self._source.status, None
        if self._client.is_disconnected:
            status, fault = 499, CLIENT_GONE
        elif upstream_fault is not None:
            status = upstream_fault.status
            fault = Fault(type=upstream_fault.code, message=upstream_fault.message)
        cached = self._source.cached
        billable = not cached and self._http.method not in _UNBILLED_METHODS
        return Outcome(status=status, fault=fault, billable=billable, cached=cached)

    async def _finish(self, last: bytes, fault: UpstreamFault | None) -> web.StreamResponse:
        """Sends what was held back and ends the answer, or aborts it where the upstream did."""
        if fault is not None and self.disconnected_ns is None:
            if self._stream is None or self._stream.in_event:
                return self.abort()  # an error event would become part of the unfinished one
            last = self._stream.flush() + refusal_event(api_of(self._http.path), fault)
        return await self._client.finish(self._pending + last)


def _total_timeout(upstream: Upstream) -> UpstreamFault:
    message = f"the upstream '{upstream.name}' took more than {upstream.timeouts.total:g} s in all"
    return UpstreamFault(504, "upstream_timeout", message, sent=True)
