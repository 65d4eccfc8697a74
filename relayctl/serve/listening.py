"""Where the service listens: sockets on an address, shared between processes, and their end without loss."""

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
"""How many connections may wait to be accepted; the kernel caps it at `net.core.somaxconn`."""

LINGER_SECONDS: Final = 0.25
"""How long a stop waits for a request that is on its way over a connection that is there already."""

_ABSENT: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def bind(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """A socket for each address of the host, not listening yet; the port that 0 chooses is the same for all.

    `shared` sockets leave room for those of other processes of this user. Raises `RelayError`.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise RelayError(f"cannot listen on {host}: {error.strerror}; set server.host") from error
    sockets: list[socket.socket] = []
    fault: OSError | None = None
    for family, _, _, _, address in found:
        chosen = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_bound(family, (address[0], chosen, *address[2:]), shared=shared))
        except OSError as error:
            fault = error
            if error.errno not in _ABSENT:  # a machine without IPv6 may still have a name for ::1
                break
    if fault is not None and (not sockets or fault.errno not in _ABSENT):
        close(sockets)
        text = os.strerror(fault.errno or 0).lower()
        setting = "server.host" if fault.errno in _ABSENT else "server.port"
        raise RelayError(f"cannot listen on {host}:{port}: {text}; set {setting}") from fault
    return sockets


def reserve(host: str, port: int) -> list[socket.socket]:
    """Shared sockets that never listen: they keep the port for this process and those it forks.

    Raises `RelayError`, also when another service would share the port with us.
    """
    alone = bind(host, port)
    chosen = alone[0].getsockname()[1]
    close(alone)
    return bind(host, chosen, shared=True)


def alike(reserved: Iterable[socket.socket]) -> list[socket.socket]:
    """This process's own shared sockets on the addresses of others. Raises `RelayError`."""
    try:
        return [_bound(other.family, other.getsockname(), shared=True) for other in reserved]
    except OSError as error:
        raise _refused(error) from error


def url(sockets: Sequence[socket.socket], *, tls: bool) -> str:
    """The URL of the first."""
    host, port = sockets[0].getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{host}:{port}"


def close(sockets: Iterable[socket.socket]) -> None:
    """Lets go of them."""
    for each in sockets:
        each.close()


def _refused(error: OSError) -> RelayError:
    return RelayError(f"cannot listen: {os.strerror(error.errno or 0).lower()}; set server.port")


def _bound(family: int, address: Any, *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


async def listen(runner: web.AppRunner, sockets: Iterable[socket.socket], tls: ssl.SSLContext | None) -> None:
    """Begins to accept connections. Raises `RelayError`."""
    try:
        for each in sockets:
            await web.SockSite(runner, each, ssl_context=tls, backlog=BACKLOG).start()
    except OSError as error:
        raise _refused(error) from error


async def stop_listening(
    runner: web.AppRunner, sockets: Iterable[socket.socket], tls: ssl.SSLContext | None
) -> None:
    """Accepts who waits and, in the same breath, nobody any more; then lets what is under way arrive.

    The kernel resets connections that wait when their socket is closed, and there is no other way to stop
    listening. What comes between the last accept and the close is lost: microseconds.
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
        except ConnectionAbortedError:  # who waited has left
            continue
        except OSError:
            return
