"""Both ends of a measurement, in one event loop on their own core: a provider and many clients.

They are asyncio Protocols that parse only where an HTTP message ends, so that the proxy is the bottleneck.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, cast

from bench.proxy.messages import EVENTS, json_answer, stream_answer

EVENT_SECONDS: Final = 0.01

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_STREAMS = re.compile(rb'"stream": ?true')
_JSON_ANSWER: Final = json_answer()
_STREAM_ANSWER: Final = stream_answer()


def _whole(data: bytes | bytearray) -> bool:
    """Whether a message of known length is complete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(data, 0, end)
    return len(data) - end - 4 >= (int(length[1]) if length else 0)


class Provider(asyncio.Protocol):
    """Answers a request with JSON, or with events at their pace when asked to stream; counts the events."""

    sent = 0

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not _whole(self._data):
            return
        asked, self._data = self._data, b""
        if _STREAMS.search(asked):
            self._events(iter(_STREAM_ANSWER), self._loop.time())
            return
        self._transport.write(_JSON_ANSWER)

    def _events(self, pieces: Iterator[bytes], due: float) -> None:
        piece = next(pieces, None)
        if piece is None or self._transport.is_closing():
            return
        self._transport.write(piece)
        Provider.sent += 1
        due += EVENT_SECONDS
        self._timer = self._loop.call_at(due, self._events, pieces, due)


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """The provider on a free port of the loopback."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0, backlog=4096)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass(kw_only=True)
class Tally:
    """The results of the clients so far; latencies in seconds."""

    requests: int = 0
    latencies: list[float] = field(default_factory=list)
    fault: str | None = None
    wanted: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)


class Client(asyncio.Protocol):
    """Sends its request again after each complete answer, until `stop`."""

    def __init__(self, asked: bytes, tally: Tally) -> None:
        self._asked, self._tally = asked, tally
        self._streams = _STREAMS.search(asked) is not None
        self._data = bytearray()
        self._asking = self._stopped = False
        self._done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def send(self) -> None:
        """One request."""
        if self._stopped:
            return
        self._asking = True
        self._began = time.perf_counter()
        self._transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        self._data += data
        chunked = self._data.endswith(b"0\r\n\r\n")
        if not (chunked if self._streams else chunked or _whole(self._data)):
            return
        last = b"[DONE]" if self._streams else b"completion_tokens"
        if not self._data.startswith(b"HTTP/1.1 200") or last not in self._data:
            self._end(f"an answer is not as it should be: {bytes(self._data[:300])!r}")
            return
        self._tally.latencies.append(time.perf_counter() - self._began)
        self._tally.requests += 1
        self._asking = False
        if self._tally.requests == self._tally.wanted:
            self._tally.reached.set()
        self._data.clear()
        if self._stopped:
            self._end(None)
        else:
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(None if self._stopped else f"the proxy closed the connection: {error}")

    async def stop(self) -> None:
        """Stops after the current answer."""
        self._stopped = True
        if not self._asking:
            self._end(None)
        await asyncio.wait([self._done], timeout=10)
        self._transport.close()

    def _end(self, fault: str | None) -> None:
        self._tally.fault = self._tally.fault or fault
        if fault:
            self._tally.reached.set()
        if not self._done.done():
            self._done.set_result(None)


@asynccontextmanager
async def clients(port: int, asked: list[bytes], count: int) -> AsyncIterator[Tally]:
    """Opens connections, each with one request in flight; starts of streams are spread over their length."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    connected = [
        (await loop.create_connection(lambda n=n: Client(asked[n % len(asked)], tally), "127.0.0.1", port))[1]  # type: ignore[misc]
        for n in range(count)
    ]
    spread = EVENTS * EVENT_SECONDS if _STREAMS.search(asked[0]) else 0
    for client in connected:
        loop.call_later(random.uniform(0, spread), client.send)
    try:
        yield tally
    finally:
        await asyncio.gather(*(client.stop() for client in connected))
        if tally.fault:
            raise RuntimeError(tally.fault)


@dataclass(frozen=True, kw_only=True)
class Load:
    """The result of a measurement; `events` were sent by the provider; times in seconds."""

    requests: int
    events: int
    seconds: float
    cpu: float
    latencies: list[float]


async def load(
    port: int, asked: list[bytes], *, clients_open: int, warm: float, seconds: float, cpu: Callable[[], float]
) -> Load:
    """Loads a port and measures it after the warm-up. Raises `RuntimeError` for a wrong answer."""
    async with clients(port, asked, clients_open) as tally:
        await asyncio.sleep(warm)
        requests, events, used, began = tally.requests, Provider.sent, cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        return Load(
            requests=tally.requests - requests,
            events=Provider.sent - events,
            seconds=time.perf_counter() - began,
            cpu=cpu() - used,
            latencies=tally.latencies[requests:],
        )


async def answers(port: int, asked: list[bytes], *, clients_open: int, requests: int) -> None:
    """Waits for so many answers to so many clients. Raises `RuntimeError` for a wrong answer."""
    async with clients(port, asked, clients_open) as tally:
        tally.wanted = requests
        await tally.reached.wait()


async def scrapes(port: int, *, times: int) -> tuple[list[float], int]:
    """The seconds of each `GET /metrics`, one after another, and the size of the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken, size = [], 0
    for _ in range(times):
        began = time.perf_counter()
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        await reader.readexactly(size)
        taken.append(time.perf_counter() - began)
    writer.close()
    return taken, size
