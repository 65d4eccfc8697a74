"""Connections to upstreams, made when needed and kept for half a minute after their last answer.

Their number has no limit of its own: what is in flight is limited where requests are admitted.
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
EYEBALLS_SECONDS: Final = 0.25  # how long the first address has before the next is tried too (RFC 8305, 8)
# An answer can be silent for minutes, and routers forget silent connections: the kernel asks now and then,
# as the providers' own clients have it do. Not every system has every option.
_KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}


class Pool:
    """Idle connections by origin, the one used last taken first."""

    def __init__(self, outbox: WriteBatch) -> None:
        self._idle: dict[str, list[Connection]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._outbox = outbox

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection, if there is one."""
        idle = self._idle.get(origin.key, ())
        while idle:
            connection = idle.pop()
            if connection.open:
                return connection
        return None

    async def connect(self, origin: Origin) -> Connection:
        """A new connection. Raises `OSError`, and `UnicodeError` for a host that can be no name."""
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
            partial(Connection, loop, self._outbox),
            sock=stream,
            ssl=self._tls if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keeps a connection whose exchange is over, if it is fit for another."""
        if not connection.release():
            return
        if self._closed:
            connection.abort()
            return
        self._idle.setdefault(origin.key, []).append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    async def close(self) -> None:
        """Closes the idle connections, and those in use when they are given back."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # transports close in the next round of the loop

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """The system's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - KEEP_SECONDS
        for key, idle in list(self._idle.items()):
            kept = []
            for connection in idle:
                if connection.open and connection.idle_since > before:
                    kept.append(connection)
                else:
                    connection.abort()
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep) if self._idle else None
