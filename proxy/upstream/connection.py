"""One connection to an upstream: sends a request, gives its answer as it arrives, is kept for the next.

It never holds more of an answer than `HIGH_WATER` and one read of the socket: past that it stops reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from proxy.upstream.parser import AnswerParser, BrokenError, Message
from proxy.upstream.request import Outgoing
from proxy.upstream.timeouts import Wait
from proxy.upstream.write_batching import WriteBatch

HIGH_WATER: Final = 131_072
WRITE_BYTES: Final = 65_536
Taker = Callable[[bytes], bool]
"""Takes a piece of a body; whether it takes the next at once too."""

# The end of a connection that crosses a request on its way arrives within a round trip of it.
STALE_SECONDS: Final = 1.0


class StaleError(BrokenError):
    """The upstream closed an idle connection as the request went out: it has not read it."""


class Connection(asyncio.Protocol):
    """A connection for one request at a time; what `ask` gave must be released, read to its end or not."""

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: WriteBatch) -> None:
        self.open = False
        self.idle_since = 0.0
        self._loop = loop
        self._outbox = outbox
        self._transport = asyncio.Transport()  # the real one comes with `connection_made`
        self._parser = AnswerParser()
        self._message: Message | None = None
        self._used = False
        self._sent_at = 0.0
        self._unsent: memoryview | None = None
        self._writable = True
        self._reading = True
        self._wait = Wait(loop)
        self._taker: Taker | None = None
        self._idle_seconds = 0.0

    async def ask(self, request: Outgoing, *, until: float) -> Message:
        """Sends a request and gives its answer when the head is here, be the request sent whole or not.

        Raises `TimeoutError` at `until` of the event loop's time, `StaleError`, `BrokenError`; the connection
        is closed then, as it is when the one who waits is cancelled.
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
        """The next piece of the body, empty at its end. Raises `TimeoutError`, `BrokenError`."""
        while self._is_to_come(message):
            await self._wait.until(self._loop.time() + seconds)
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        return message.take()

    async def hand_on(self, message: Message, taker: Taker, *, seconds: float) -> bool:
        """Gives the pieces of the body to `taker` as they arrive, with no task to wake between them.

        True at the end of the body, False when `taker` takes no more. Raises what `read` raises, and what
        `taker` does.
        """
        while message.size or not message.ended:
            if message.size and not taker(await self.read(message, seconds=seconds)):
                return False
            if self._is_to_come(message):
                self._taker, self._idle_seconds = taker, seconds
                try:
                    await self._wait.until(self._loop.time() + seconds)
                finally:
                    taken, self._taker = self._taker is not None, None
                if not taken:
                    return False
        return True

    def _is_to_come(self, message: Message) -> bool:
        """Whether the next piece is to be waited for. Raises `BrokenError` when it will not come."""
        if message.size or message.ended:
            return False
        if message.fault is not None:
            raise message.fault
        if self._message is not message:  # what comes now may be another's
            raise BrokenError("its connection was given back")
        return True

    def release(self) -> bool:
        """Ends the exchange; True when the connection can take another, else it is closed."""
        message, self._message = self._message, None
        ended = message is not None and message.ended and message.keep_alive
        if not ended or not self.open or self._transport.get_write_buffer_size():
            self.abort()  # in the last case the request is not sent whole, and the next would wait behind it
            return False
        self.idle_since = self._loop.time()
        return True

    def abort(self) -> None:
        """Closes the connection at once."""
        self.open = False
        self._unsent = None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Some of the answer; what comes unasked ends the connection."""
        message = self._message
        if message is None:
            self.abort()
            return
        begun = message.status > 0
        try:
            self._parser.feed(data)
        except BrokenError as error:
            self._break(message, error)
            return
        if self._taker is not None and message.size:
            self._hand(message, self._taker)
        if message.status >= 400 and self._unsent is not None:
            self._unsent, message.keep_alive = None, False  # it will not be read (RFC 9112, 9.5)
        if message.size > HIGH_WATER and self._reading and not message.ended:
            self._reading = False
            self._transport.pause_reading()
        if message.size or message.ended or (message.status and not begun):
            self._wait.wake()

    def eof_received(self) -> None:
        """The upstream sends no more; the transport closes itself."""
        self._over(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._wait.close()
        self._over(exc)

    def pause_writing(self) -> None:
        """The upstream reads more slowly than the request is written."""
        self._writable = False

    def resume_writing(self) -> None:
        """It has caught up: the request goes on."""
        self._writable = True
        while self._unsent is not None and self._writable and not self._transport.is_closing():
            piece, self._unsent = self._unsent[:WRITE_BYTES], self._unsent[WRITE_BYTES:] or None
            self._transport.write(piece)

    def _send(self, head: bytes, body: bytes) -> None:
        if len(body) <= WRITE_BYTES:
            self._outbox.put(self._write, head + body)
            return
        self._transport.write(head)
        self._unsent = memoryview(body)
        if self._writable:
            self.resume_writing()

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _hand(self, message: Message, taker: Taker) -> None:
        try:
            taken = taker(message.take())
        except Exception as error:  # it is the one's who waits
            taken = False
            self._wait.fail(error)
        if taken:
            self._wait.deadline = self._loop.time() + self._idle_seconds
        else:
            self._taker = None
            self._wait.wake()

    def _break(self, message: Message, error: BrokenError) -> None:
        if not message.ended:
            message.fault = error
        self.abort()
        self._wait.wake()

    def _over(self, cause: Exception | None) -> None:
        """The upstream has ended the connection, and so, one way or the other, the answer."""
        self.open = False
        self._unsent = None
        message = self._message
        if message is None or message.ended or message.fault:
            return
        if cause is None and message.until_close:
            message.ended = True
        elif self._crossed(message):
            message.fault = StaleError("the connection was closed before it was used again")
        else:
            message.fault = BrokenError("the connection ended before it did")
        self._wait.wake()

    def _crossed(self, message: Message) -> bool:
        silent = not message.status and not self._parser.heard
        return silent and self._used and self._loop.time() - self._sent_at < STALE_SECONDS
