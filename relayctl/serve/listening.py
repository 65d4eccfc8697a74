"""Listening sockets: binds them, shares a port between processes, and closes them without losing requests."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from aiohttp import web

from proxy.errors import RelayError

BACKLOG: Final = 1024
"""The backlog of connections to accept; the kernel limits it to `net.core.somaxconn`."""

LINGER_SECONDS: Final = 0.25
"""How long to wait at a stop for requests in transit on open connections."""

_UNAVAILABLE: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def bind(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Binds a socket for each address of the host, without listening; port 0 chooses one port for all.

    `shared` allows other processes of this user to bind the same port. Raises `RelayError`.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise RelayError(f"cannot listen on {host}: {error.strerror}; set server.host") from error
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    for family, _, _, _, address in found:
        chosen = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_bound(family, (address[0], chosen, *address[2:]), shared=shared))
        except OSError as error:
            failure = error
            if error.errno not in _UNAVAILABLE:  # a host without IPv6 may still resolve a name to ::1
                break
    if failure is not None and (not sockets or failure.errno not in _UNAVAILABLE):
        close(sockets)
        text = os.strerror(failure.errno or 0).lower()
        setting = "server.host" if failure.errno in _UNAVAILABLE else "server.port"
        raise RelayError(f"cannot listen on {host}:{port}: {text}; set {setting}") from failure
    return sockets


def reserve(host: str, port: int) -> list[socket.socket]:
    """Binds shared sockets that never listen, to reserve the port for this process and its workers.

    Raises `RelayError`, also if another service uses the port.
    """
    exclusive = bind(host, port)
    chosen = exclusive[0].getsockname()[1]
    close(exclusive)
    return bind(host, chosen, shared=True)


def bind_same(reserved: Iterable[socket.socket]) -> list[socket.socket]:
    """Binds shared sockets of this process to the addresses of reserved ones. Raises `RelayError`."""
    try:
        return [_bound(other.family, other.getsockname(), shared=True) for other in reserved]
    except OSError as error:
        raise _refused(error) from error


def url(sockets: Sequence[socket.socket], *, tls: bool) -> str:
    """The URL of the first socket."""
    host, port = sockets[0].getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{host}:{port}"


def close(sockets: Iterable[socket.socket]) -> None:
    """Closes the sockets."""
    for each in sockets:
        each.close()


def _refused(error: OSError) -> RelayError:
    return RelayError(f"cannot listen: {os.strerror(error.errno or 0).lower()}; set server.port")


def _bound(family: int, address: Any, *, shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


async def listen(runner: web.AppRunner, sockets: Iterable[socket.socket], tls: ssl.SSLContext | None) -> None:
    """Starts accepting connections. Raises `RelayError`."""
    try:
        for each in sockets:
            await web.SockSite(runner, each, ssl_context=tls, backlog=BACKLOG).start()
    except OSError as error:
        raise _refused(error) from error


async def stop_listening(
    runner: web.AppRunner, sockets: Iterable[socket.socket], tls: ssl.SSLContext | None
) -> None:
    """Accepts the queued connections, closes the sockets, then waits for requests in transit.

    Closing a listening socket resets the connections in its queue, and there is no other way to stop
    listening. Connections between the last accept and the close, some microseconds, are lost.
    """
    loop, server = asyncio.get_running_loop(), runner.server
    assert server is not None
    queued = [connection for each in sockets for connection in _queued(each)]
    for site in list(runner.sites):
        await site.stop()
    accepting = [
        asyncio.create_task(loop.connect_accepted_socket(server, connection, ssl=tls))
        for connection in queued
    ]
    await asyncio.sleep(LINGER_SECONDS)
    for task in accepting:
        task.cancel()
    await asyncio.gather(*accepting, return_exceptions=True)


def _queued(listening: socket.socket) -> Iterator[socket.socket]:
    while True:
        try:
            yield listening.accept()[0]
        except ConnectionAbortedError:  # the client has disconnected
            continue
        except OSError:
            return
