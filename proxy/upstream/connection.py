"""One connection to an upstream: sends a request, returns its answer as it arrives, is then reused.

It buffers at most `HIGH_WATER` bytes of an answer plus one read of the socket, then pauses reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from proxy.upstream.parser import AnswerParser, BrokenError, Message
from proxy.upstream.request import PreparedRequest
from proxy.upstream.timeouts import Wait
from proxy.upstream.write_batching import WriteBatch

HIGH_WATER: Final = 131_072
WRITE_BYTES: Final = 65_536
Consumer = Callable[[bytes], bool]
"""Takes a chunk of a body; returns whether it takes the next one immediately."""

# A close that crosses a request on the wire arrives within a round trip of it.
STALE_SECONDS: Final = 1.0


class StaleError(BrokenError):
    """The upstream closed an idle connection while the request was sent, and has not read it."""


class Connection(asyncio.Protocol):
    """A connection for one request at a time. Call `release` after each `ask`, read to the end or not."""

    def __init__(self, loop: asyncio.AbstractEventLoop, write_batch: WriteBatch) -> None:
        self.open = False
        self.idle_since = 0.0
        self._loop = loop
        self._write_batch = write_batch
        self._transport = asyncio.Transport()  # replaced by `connection_made`
        self._parser = AnswerParser()
        self._message: Message | None = None
        self._used = False
        self._sent_at = 0.0
        self._unsent: memoryview | None = None
        self._writable = True
        self._reading = True
        self._wait = Wait(loop)
        self._consumer: Consumer | None = None
        self._idle_seconds = 0.0

    async def ask(self, request: PreparedRequest, *, until: float) -> Message:
        """Sends a request and returns its answer when the head has arrived, even before all is sent.

        Raises `TimeoutError` at `until` (the event loop's time), `StaleError`, `BrokenError`. The connection
        is closed then, and also when the caller is cancelled.
        """
        if not self.open:
            raise StaleError("the connection was closed before the request went out")
        message = self._message = Message(request.method)
        self._parser.expect(message)
        self._sent_at = self._loop.time()
        self._send(request.head, request.body)
        try:
            await self._wait.until(until)
        except BaseException:
            self.abort()
            raise
        if message.fault and not message.status:
            raise message.fault
        self._used = True
        return message

    async def read(self, message: Message, *, seconds: float) -> bytes:
        """The next chunk of the body, empty at its end. Raises `TimeoutError`, `BrokenError`."""
        while self._must_wait(message):
            await self._wait.until(self._loop.time() + seconds)
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        return message.take()

    async def push(self, message: Message, consumer: Consumer, *, seconds: float) -> bool:
        """Calls `consumer` with each chunk as it arrives, without waking a task in between.

        True at the end of the body, False when `consumer` returned False. Raises the errors of `read` and of
        `consumer`.
        """
        while message.size or not message.ended:
            if message.size and not consumer(await self.read(message, seconds=seconds)):
                return False
            if self._must_wait(message):
                self._consumer, self._idle_seconds = consumer, seconds
                try:
                    await self._wait.until(self._loop.time() + seconds)
                finally:
                    is_taken, self._consumer = self._consumer is not None, None
                if not is_taken:
                    return False
        return True

    def _must_wait(self, message: Message) -> bool:
        """Whether the next chunk has yet to arrive. Raises `BrokenError` when it will not."""
        if message.size or message.ended:
            return False
        if message.fault is not None:
            raise message.fault
        if self._message is not message:  # later bytes may belong to another answer
            raise BrokenError("its connection was released")
        return True

    def release(self) -> bool:
        """Ends the exchange; True when the connection can be reused, else it is closed."""
        message, self._message = self._message, None
        ended = message is not None and message.ended and message.keep_alive
        if not ended or not self.open or self._transport.get_write_buffer_size():
            self.abort()  # with unsent data, the next request would wait behind it
            return False
        self.idle_since = self._loop.time()
        return True

    def abort(self) -> None:
        """Closes the connection at once."""
        self.open = False
        self._unsent = None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is established."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Parses bytes of the answer; unexpected bytes close the connection."""
        message = self._message
        if message is None:
            self.abort()
            return
        begun = message.status > 0
        try:
            self._parser.feed(data)
        except BrokenError as error:
            self._fail(message, error)
            return
        if self._consumer is not None and message.size:
            self._push_buffered(message, self._consumer)
        if message.status >= 400 and self._unsent is not None:
            self._unsent, message.keep_alive = (
                None,
                False,
            )  # the upstream will not read the rest (RFC 9112, 9.5)
        if message.size > HIGH_WATER and self._reading and not message.ended:
            self._reading = False
            self._transport.pause_reading()
        if message.size or message.ended or (message.status and not begun):
            self._wait.wake()

    def eof_received(self) -> None:
        """The upstream sends nothing more; the transport closes itself."""
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._wait.close()
        self._ended(exc)

    def pause_writing(self) -> None:
        """The upstream reads the request more slowly than it is written."""
        self._writable = False

    def resume_writing(self) -> None:
        """The upstream has caught up: writes the rest of the request."""
        self._writable = True
        while self._unsent is not None and self._writable and not self._transport.is_closing():
            chunk, self._unsent = self._unsent[:WRITE_BYTES], self._unsent[WRITE_BYTES:] or None
            self._transport.write(chunk)

    def _send(self, head: bytes, body: bytes) -> None:
        if len(body) <= WRITE_BYTES:
            self._write_batch.put(self._write, head + body)
            return
        self._transport.write(head)
        self._unsent = memoryview(body)
        if self._writable:
            self.resume_writing()

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _push_buffered(self, message: Message, consumer: Consumer) -> None:
        try:
            takes_more = consumer(message.take())
        except Exception as error:  # raised in `push`
            takes_more = False
            self._wait.fail(error)
        if takes_more:
            self._wait.deadline = self._loop.time() + self._idle_seconds
        else:
            self._consumer = None
            self._wait.wake()

    def _fail(self, message: Message, error: BrokenError) -> None:
        if not message.ended:
            message.fault = error
        self.abort()
        self._wait.wake()

    def _ended(self, cause: Exception | None) -> None:
        """The upstream closed the connection, which completes the answer or breaks it off."""
        self.open = False
        self._unsent = None
        message = self._message
        if message is None or message.ended or message.fault:
            return
        if cause is None and message.until_close:
            message.ended = True
        elif self._is_stale(message):
            message.fault = StaleError("the connection was closed before it was used again")
        else:
            message.fault = BrokenError("the connection ended before it did")
        self._wait.wake()

    def _is_stale(self, message: Message) -> bool:
        silent = not message.status and not self._parser.has_input
        return silent and self._used and self._loop.time() - self._sent_at < STALE_SECONDS
