"""Pool of connections to upstreams, kept for 30 s after their last answer.

It has no maximum size: requests in flight are limited where they are admitted.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import cached_property, partial
from typing import Final

import aiohappyeyeballs

from proxy.upstream.connection import Connection
from proxy.upstream.request import Origin
from proxy.upstream.write_batching import WriteBatch

KEEP_SECONDS: Final = 30.0
SWEEP_SECONDS: Final = 5.0
EYEBALLS_SECONDS: Final = 0.25  # head start of the first address (RFC 8305, 8)
# An answer can be silent for minutes, and routers drop silent connections: TCP keep-alive, as in the
# providers' own clients. Not every system has every option.
_KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}


class Pool:
    """Idle connections by origin; the most recently used is taken first."""

    def __init__(self, write_batch: WriteBatch) -> None:
        self._idle: dict[str, list[Connection]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._write_batch = write_batch

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection; None if there is none."""
        idle = self._idle.get(origin.key, ())
        while idle:
            connection = idle.pop()
            if connection.open:
                return connection
        return None

    async def connect(self, origin: Origin) -> Connection:
        """Opens a connection. Raises `OSError`, and `UnicodeError` for an invalid host name."""
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        stream = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=EYEBALLS_SECONDS, interleave=1, loop=loop
        )
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            if hasattr(socket, option):
                stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        _, connection = await loop.create_connection(
            partial(Connection, loop, self._write_batch),
            sock=stream,
            ssl=self._tls if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection

    def release(self, origin: Origin, connection: Connection) -> None:
        """Takes back a connection whose exchange has ended, if it can be reused."""
        if not connection.release():
            return
        if self._closed:
            connection.abort()
            return
        self._idle.setdefault(origin.key, []).append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    async def close(self) -> None:
        """Closes the idle connections, and those in use when they are released."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # transports close in the next iteration of the loop

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Trusts the system's certificate authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - KEEP_SECONDS
        for key, idle in list(self._idle.items()):
            remaining = []
            for connection in idle:
                if connection.open and connection.idle_since > before:
                    remaining.append(connection)
                else:
                    connection.abort()
            if remaining:
                self._idle[key] = remaining
            else:
                del self._idle[key]
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep) if self._idle else None
