"""HTTP client for providers: sends one request and returns its answer, or raises one of three faults."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from multidict import CIMultiDict

from proxy.config.upstreams import Upstream
from proxy.errors import Refusal
from proxy.upstream.connection import Connection, Consumer, StaleError
from proxy.upstream.decoding import Decoder
from proxy.upstream.parser import BrokenError, Message
from proxy.upstream.pool import Pool
from proxy.upstream.request import PreparedRequest, UnsendableError, prepare_request
from proxy.upstream.write_batching import WriteBatch


class UpstreamFault(Refusal):
    """The upstream did not send a whole answer: unreachable or broken (502), or too slow (504).

    `sent`: the request may have reached it, so it may be billed.
    """

    def __init__(self, status: int, code: str, message: str, *, sent: bool) -> None:
        super().__init__(status, code, message)
        self.sent = sent


class Answer:
    """An upstream's answer whose head has arrived; `read_chunks` and `push_chunks` give its decoded body."""

    __slots__ = ("_connection", "_decoder", "_message", "content_length", "content_type", "headers", "status")

    def __init__(self, connection: Connection, message: Message) -> None:
        """Raises `BrokenError` for a body in an unsupported content encoding."""
        headers = message.headers
        encoding = ",".join(headers.getall("Content-Encoding", ())).strip().lower()
        self._connection = connection
        self._message = message
        self._decoder: Decoder | None = None
        if encoding not in {"", "identity"} and not (message.ended and not message.size):
            self._decoder = Decoder(encoding)
            del headers["Content-Encoding"]
            headers.popall("Content-Length", None)
        length = headers.get("Content-Length")
        self.status: int = message.status
        self.headers: CIMultiDict[str] = headers
        self.content_length: int | None = None if length is None else int(length)
        media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.content_type: str = media_type or "application/octet-stream"

    def buffered_body(self) -> bytes:
        """The whole body if it arrived with the head and is not compressed; empty when it must be read."""
        message = self._message
        return message.take() if message.ended and self._decoder is None else b""

    async def read(self, seconds: float) -> bytes:
        """The next chunk, empty at the end. Raises `TimeoutError`, `BrokenError`."""
        if self._decoder is None:
            return await self._connection.read(self._message, seconds=seconds)
        while not (chunk := self._decoder.take()):
            raw = await self._connection.read(self._message, seconds=seconds)
            if not raw:
                self._decoder.finish()
                return b""
            self._decoder.feed(raw)
        return chunk

    def push(self, consumer: Consumer, seconds: float) -> Awaitable[bool]:
        """Calls `consumer` with each chunk as it arrives; True at the end, False when it returned False.

        Raises `TimeoutError`, `BrokenError`.
        """
        if self._decoder is None:
            return self._connection.push(self._message, consumer, seconds=seconds)
        return self._push_decoded(consumer, seconds)

    async def _push_decoded(self, consumer: Consumer, seconds: float) -> bool:
        while chunk := await self.read(seconds):
            if not consumer(chunk):
                return False
        return True


class Client:
    """Sends requests over keep-alive connections; follows no redirects and stores no cookies."""

    def __init__(self) -> None:
        self.write_batch = WriteBatch()
        self._pool = Pool(self.write_batch)

    def send(
        self, upstream: Upstream, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> AbstractAsyncContextManager[Answer]:
        """The upstream's answer when its head has arrived. Raises `UpstreamFault`."""
        try:
            request = prepare_request(method, url, headers, body)
        except UnsendableError as error:
            raise _unreachable(upstream, str(error)) from error
        return _Exchange(self._pool, upstream, request)

    async def close(self) -> None:
        """Closes every connection."""
        await self._pool.close()


class _Exchange(AbstractAsyncContextManager[Answer]):
    """One request and its answer; the connection returns to the pool if the answer was read to its end."""

    def __init__(self, pool: Pool, upstream: Upstream, request: PreparedRequest) -> None:
        self._pool = pool
        self._upstream = upstream
        self._origin = request.origin
        self._request: PreparedRequest | None = request

    async def __aenter__(self) -> Answer:
        assert self._request is not None
        # Frees the prompt while the answer arrives, which may take minutes.
        request, self._request = self._request, None
        until = asyncio.get_running_loop().time() + self._upstream.timeouts.head
        idle = self._pool.take(self._origin)
        if idle is not None:
            try:
                return await self._ask(idle, request, until)
            except StaleError:
                pass  # it was not read, so it may be sent again: docs/decisions/0006-upstream-client.md
        try:
            return await self._ask(await self._connect(until), request, until)
        except StaleError as error:
            raise _unreachable(self._upstream, "it closes its connections immediately") from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.release(self._origin, self._connection)

    async def _connect(self, until: float) -> Connection:
        upstream, timeouts = self._upstream, self._upstream.timeouts
        try:
            async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + timeouts.connect)):
                return await self._pool.connect(self._origin)
        except TimeoutError as error:
            seconds = min(timeouts.connect, timeouts.head)
            raise _too_slow(upstream, f"{seconds:g} s to connect", sent=False) from error
        except (OSError, UnicodeError) as error:
            raise _unreachable(upstream, _reason(error)) from error

    async def _ask(self, connection: Connection, request: PreparedRequest, until: float) -> Answer:
        """Sends the request. Raises `UpstreamFault`, and `StaleError` for a request that was not read."""
        self._connection = connection
        message: Message | None = None
        try:
            message = await connection.ask(request, until=until)
            return Answer(connection, message)
        except StaleError:
            raise
        except TimeoutError as error:
            seconds = self._upstream.timeouts.head
            raise _too_slow(self._upstream, f"{seconds:g} s to answer", sent=True) from error
        except BrokenError as error:
            connection.abort()  # still open where the encoding is the fault
            refused = message is not None and message.status >= 400
            raise broken(self._upstream, str(error), sent=not refused) from error


async def read_chunks(upstream: Upstream, answer: Answer) -> AsyncIterator[bytes]:
    """Yields the body as it arrives. Raises `UpstreamFault` when it breaks off or stalls."""
    with _BodyFaults(upstream):
        while chunk := await answer.read(upstream.timeouts.idle):
            yield chunk


async def push_chunks(upstream: Upstream, answer: Answer, consumer: Consumer) -> bool:
    """Calls `consumer` with each chunk as it arrives; True at the end, False when it returned False.

    Raises `UpstreamFault` when the body breaks off or stalls.
    """
    with _BodyFaults(upstream):
        return await answer.push(consumer, upstream.timeouts.idle)


class _BodyFaults:
    """Raises the errors of reading a body as `UpstreamFault`."""

    __slots__ = ("_upstream",)

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def __enter__(self) -> None:
        """Does nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, TimeoutError):
            what = f"{self._upstream.timeouts.idle:g} s between two chunks of its answer"
            raise _too_slow(self._upstream, what, sent=True) from error
        if isinstance(error, BrokenError):
            raise broken(self._upstream, str(error)) from error


def broken(upstream: Upstream, why: str | None = None, *, sent: bool = True) -> UpstreamFault:
    """The fault of an answer that broke off."""
    message = f"the upstream '{upstream.name}' broke off its answer{f': {why}' if why else ''}"
    return UpstreamFault(502, "upstream_broken", message, sent=sent)


def _too_slow(upstream: Upstream, what: str, *, sent: bool) -> UpstreamFault:
    message = f"the upstream '{upstream.name}' took more than {what}"
    return UpstreamFault(504, "upstream_timeout", message, sent=sent)


def _unreachable(upstream: Upstream, why: str) -> UpstreamFault:
    message = f"the upstream '{upstream.name}' cannot be reached: {why}"
    return UpstreamFault(502, "upstream_unreachable", message, sent=False)


def _reason(error: OSError | UnicodeError) -> str:
    """The reason why there is no connection, without an address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS as Relay does"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its host name has no address"
    return os.strerror(error.errno).lower() if error.errno else "nothing answers there"
