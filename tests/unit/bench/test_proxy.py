"""The provider and the clients that the proxy is measured with: they count, and refuse a wrong answer."""

from __future__ import annotations

import asyncio

import pytest

from bench.proxy import peer
from bench.proxy.messages import EVENTS, request
from bench.proxy.peer import Provider


async def test_clients_get_so_many_whole_json_answers() -> None:
    async with peer.serving() as port:
        await peer.answers(port, [request(port, "none")], clients_open=3, requests=10)


async def test_a_stream_has_all_its_events() -> None:
    async with peer.serving() as port:
        before = Provider.sent
        await peer.answers(port, [request(port, "none", stream=True)], clients_open=1, requests=1)
        assert Provider.sent - before in {EVENTS, 2 * EVENTS}  # the client asks until it is stopped


async def test_an_answer_that_is_not_whole_or_not_200_ends_the_measurement() -> None:
    class Failing(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = transport

        def data_received(self, _: bytes) -> None:
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}")

    server = await asyncio.get_running_loop().create_server(Failing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RuntimeError, match="500 Oh"):
        await peer.answers(port, [request(port, "none")], clients_open=2, requests=5)
    server.close()


async def test_metrics_are_scraped_as_often_as_asked() -> None:
    class Metrics(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = transport

        def data_received(self, _: bytes) -> None:
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na 1.0")

    server = await asyncio.get_running_loop().create_server(Metrics, "127.0.0.1", 0)
    seconds, size = await peer.scrapes(server.sockets[0].getsockname()[1], times=3)
    assert (len(seconds), size) == (3, 5)
    server.close()
