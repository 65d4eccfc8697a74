"""Sends an answer to the client and notes when the client disconnects.

Chunks of a stream are written by aiohttp, or with `fast_path` straight to the transport: framed here as by
aiohttp, but without a coroutine for each. `server.fast_path: false` turns that off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping

from aiohttp import HttpVersion11, web

from proxy.exchange.source import is_disconnected


class ClientWriter:
    """The connection to one client, which may disconnect at any time: writes do nothing then."""

    def __init__(
        self,
        http: web.Request,
        *,
        send_seconds: float,
        fast_path: bool,
    ) -> None:
        self._http = http
        self._protocol = http.protocol
        self._send_seconds = send_seconds
        self._fast_path = fast_path
        self._response = web.StreamResponse()
        self._transport: asyncio.Transport | None = None
        self._writing_since: float | None = None
        self.disconnected_ns: int | None = None
        """When the client was found to have disconnected, in nanoseconds of the monotonic clock."""

    @property
    def is_disconnected(self) -> bool:
        """Whether the client has gone."""
        return self.disconnected_ns is not None or is_disconnected(self._http)

    async def start(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """Sends the head. Without a length the body is chunked, or ends with the connection in HTTP/1.0."""
        self._response = web.StreamResponse(status=status, headers=headers)
        if length is not None:
            self._response.content_length = length
        elif self._http.version < HttpVersion11:
            self._response.force_close()
        await self._send(self._response.prepare(self._http))

    async def write(self, data: bytes) -> None:
        """Writes part of the body by aiohttp, which waits for a client that reads slowly."""
        if not data:
            return
        if self.disconnected_ns is None:
            await self._send(self._response.write(data))
        if self._fast_path and self._response.headers.get("Transfer-Encoding") == "chunked":
            self._transport = self._http.transport  # the head has been sent, so chunks can follow
            self._response.headers.clear()  # aiohttp keeps them until the connection's next answer

    def write_now(self, data: bytes) -> bool:
        """Writes a chunk straight to the transport; False where `write` must be used."""
        transport = self._transport
        if transport is None or self._protocol.writing_paused or transport.is_closing():
            return False
        if data:
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def finish(self, data: bytes) -> web.StreamResponse:
        """Writes the last part of the body and ends the answer."""
        if self.disconnected_ns is None:
            try:
                await self._response.write_eof(data)
            except ConnectionError:
                self.disconnected_ns = time.monotonic_ns()
        return self._response

    def abort(self) -> web.StreamResponse:
        """Closes the connection, so that the client sees that its answer is incomplete."""
        if self._http.transport is not None:
            self._http.transport.abort()
        return self._response

    def poll(self) -> None:
        """Checks for a stalled client, and for a disconnect, which no write reports in a silence."""
        if is_disconnected(self._http):
            self._note_disconnect()
        elif self._writing_since and time.monotonic() - self._writing_since > self._send_seconds:
            self.abort()  # the pending write fails now

    async def _send(self, sending: Awaitable[object]) -> None:
        self._writing_since = time.monotonic()
        try:
            await sending
        except ConnectionError:
            self._note_disconnect()
        self._writing_since = None

    def _note_disconnect(self) -> None:
        if self.disconnected_ns is None:
            self.disconnected_ns = time.monotonic_ns()
