"""Stop listening: earlier connections are answered, later ones refused."""

from __future__ import annotations

import socket

import pytest
import uvloop
from aiohttp import web

from relayctl.serve import listening


def connected(address: tuple[str, int], count: int) -> list[socket.socket]:
    """Clients that have connected and sent requests that the server's loop has not accepted yet."""
    clients = [socket.create_connection(address) for _ in range(count)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")
    return clients


def answer_of(client: socket.socket) -> bytes:
    """Everything that a client received until its connection was closed."""
    client.settimeout(5)
    with client, client.makefile("rb") as received:
        return received.read()


async def stopped_with_a_queue(address: list[tuple[str, int]]) -> list[socket.socket]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    sockets = listening.bind("127.0.0.1", 0)
    await listening.listen(runner, sockets, None)
    address.append(sockets[0].getsockname())
    clients = connected(address[0], 5)
    await listening.stop_listening(runner, sockets, None)
    await runner.cleanup()
    return clients


def test_stop_answers_queued_connections_and_refuses_later_ones() -> None:
    address: list[tuple[str, int]] = []
    clients = uvloop.run(stopped_with_a_queue(address))
    assert [answer_of(client)[-5:] for client in clients] == [b"hello"] * 5
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address[0])
