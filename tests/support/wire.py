"""A provider for tests that speaks bytes: each of its connections follows a script.

async def kept(peer: Peer) -> None:
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi")

async with speaking(kept) as wire:
    … wire.url, wire.requests, wire.connections
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from multidict import CIMultiDict

from proxy.config.upstreams import Timeouts, Upstream
from proxy.upstream.client import Answer, Client, UpstreamFault, read_chunks

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nhi"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
BROKEN = (502, "upstream_broken", True)
SLOW = (504, "upstream_timeout", True)


@dataclass(kw_only=True)
class Wire:
    """The state of the provider."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0


class Peer:
    """The provider's end of one connection."""

    def __init__(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.wire = wire
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """The head of the next request."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> bytes:
        """The next request whole."""
        head = await self.head()
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        request = head + await self.reader.readexactly(int(length or 0))
        self.wire.requests.append(request)
        return request

    async def say(self, *chunks: bytes) -> None:
        """Sends these chunks, one write each."""
        for chunk in chunks:
            self.writer.write(chunk)
            await self.writer.drain()
            await asyncio.sleep(0)

    def reset(self) -> None:
        """Drops the connection, so that the other end sees a reset."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Waits until the other end has closed."""
        with suppress(ConnectionError):
            await self.reader.read()


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def speaking(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """A provider on a free port whose n-th connection follows the n-th script, later ones the last."""
    wire = Wire()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = scripts[min(wire.connections, len(scripts) - 1)]
        wire.connections += 1
        wire.open += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(Peer(wire, reader, writer))
        finally:
            wire.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    wire.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield wire
    finally:
        server.close()


def on_every_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test on asyncio's own event loop and on uvloop's, whose transports differ."""

    def run(loop: str, **given: object) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(asyncio.wait_for(test(**given), 60))

    taken = [inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    signature = inspect.Signature([*taken, *inspect.signature(test).parameters.values()])
    run.__signature__ = signature  # type: ignore[attr-defined] # pytest reads there what a test asks for
    run.__name__ = test.__name__
    return pytest.mark.parametrize("loop", LOOPS)(run)


class Asking:
    """A client of one upstream."""

    def __init__(self, client: Client, url: str, timeouts: Timeouts) -> None:
        self.client = client
        self.upstream = Upstream(name="up", api="openai", base_url=url, timeouts=timeouts)

    def send(self, method: str = "POST", body: bytes = b"{}") -> AbstractAsyncContextManager[Answer]:
        """A request; `async with` gives its answer when the head is here."""
        url = f"{self.upstream.base_url}/v1/x"
        return self.client.send(self.upstream, method, url, CIMultiDict({"X-Test": "1"}), body)

    async def whole(self, answer: Answer) -> bytes:
        """The body to its end."""
        return b"".join([chunk async for chunk in read_chunks(self.upstream, answer)])

    async def ask(self, method: str = "POST", body: bytes = b"{}") -> tuple[int, bytes]:
        """Status and body of a whole answer."""
        async with self.send(method, body) as answer:
            return answer.status, await self.whole(answer)

    async def fault(self, says: str | None = None) -> tuple[int, str, bool]:
        """Status, code and `sent` of the fault of a request."""
        with pytest.raises(UpstreamFault, match=says) as raised:
            await self.ask()
        return raised.value.status, raised.value.code, raised.value.sent


@asynccontextmanager
async def asking(
    *scripts: Script, first_byte: float = 600, idle: float = 600
) -> AsyncIterator[tuple[Wire, Asking]]:
    """A client, and a provider that follows these scripts."""
    client = Client()
    async with speaking(*scripts) as wire:
        try:
            yield wire, Asking(client, wire.url, Timeouts(connect=20, first_byte=first_byte, idle=idle))
        finally:
            await client.close()


async def becomes(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds; the timeout of the test ends it."""
    while not condition():  # noqa: ASYNC110 -- what is waited for lies in the code under test
        await asyncio.sleep(0.001)


def answering(*wire: bytes) -> Script:
    """Answers every request with these bytes and keeps the connection."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.say(*wire)

    return script


def once(*wire: bytes) -> Script:
    """Answers one request with these bytes and closes the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(*wire)

    return script
