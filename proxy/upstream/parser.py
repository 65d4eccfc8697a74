"""Parses HTTP/1 answers, wherever their bytes are cut, with llhttp (httptools) in its strict mode.

An answer with contradicting lengths is refused. Heads, chunk lines and trailers have a maximum size.
"""

from __future__ import annotations

from typing import Final

import httptools
from multidict import CIMultiDict

from proxy.errors import RelayError

MAX_HEAD_BYTES: Final = 65_536  # a limit per read: up to twice as much may pass


class BrokenError(RelayError):
    """The answer is incomplete: the connection ended, or it is not valid HTTP/1. Quotes no content."""


class Message:
    """One answer as it arrives: `status` is 0 until the head is complete; `take` returns the body so far."""

    __slots__ = (
        "_chunks", "ended", "fault", "headers", "keep_alive", "method", "size", "status", "until_close",
    )  # fmt: skip

    def __init__(self, method: str) -> None:
        self.method = method
        self.status = 0
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.keep_alive = False
        self.until_close = False  # whether only the end of the connection ends this body
        self.ended = False
        self.fault: BrokenError | None = None
        self.size = 0  # bytes of the body in the buffer
        self._chunks: list[bytes] = []

    def put(self, chunk: bytes) -> None:
        """Adds a chunk of the body."""
        self._chunks.append(chunk)
        self.size += len(chunk)

    def take(self) -> bytes:
        """Returns and clears the buffered body."""
        chunks = self._chunks
        taken = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.size = 0
        return taken


class AnswerParser:
    """Fills one `Message` after another from the bytes of one connection."""

    def __init__(self) -> None:
        self._message = Message("")
        self._message.ended = True
        self._head: list[tuple[bytes, bytes]] = []
        self._progress = False
        self._unproductive = 0  # bytes fed since the last progress
        self._http = httptools.HttpResponseParser(self)
        self._http.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # some servers pad sizes

    @property
    def has_input(self) -> bool:
        """Whether bytes have arrived since `expect` (valid until the head is complete)."""
        return self._unproductive > 0

    def expect(self, message: Message) -> None:
        """Sets the message to be filled next."""
        self._message = message
        self._unproductive = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Parses bytes. Raises `BrokenError`, also for bytes after the end of an answer."""
        if len(data) > MAX_HEAD_BYTES:  # in parts, so that the limit holds within one read too
            view = memoryview(data)
            for start in range(0, len(data), MAX_HEAD_BYTES):
                self.feed(view[start : start + MAX_HEAD_BYTES])
            return
        self._progress = False
        self._unproductive += len(data)
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise BrokenError("it changes to a protocol that was not asked for") from None
        except httptools.HttpParserError as error:
            raise BrokenError(str(error.__context__ or error)) from error
        if self._progress:
            self._unproductive = 0
        elif self._unproductive > MAX_HEAD_BYTES:
            raise BrokenError(f"a head, chunk line or trailer has more than {MAX_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        """Called at the start of an answer: the expected one, or the one after a 1xx."""
        if self._message.ended:
            raise BrokenError("bytes follow the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called for each header; trailers are ignored."""
        if not self._message.status:
            self._head.append((name, value))

    def on_headers_complete(self) -> None:
        """Called at the end of a head; that of a 1xx is ignored."""
        status, message = self._http.get_status_code(), self._message
        lines, self._head = self._head, []
        if status < 200:
            return
        if status > 599:
            raise BrokenError("its status is not a valid HTTP status")
        # Bytes that are not UTF-8 survive as surrogates, as they do in aiohttp's own headers.
        message.headers = headers = CIMultiDict([
            (name.decode("ascii"), text.rstrip(b" \t").decode("utf-8", "surrogateescape"))
            for name, text in lines
        ])  # fmt: skip
        coding = headers.get("Transfer-Encoding")
        if coding is not None and coding.lower() != "chunked":
            raise BrokenError("it has a transfer encoding that was not asked for")
        message.until_close = coding is None and "Content-Length" not in headers
        message.keep_alive = self._http.should_keep_alive()
        message.status = status
        self._progress = True
        if message.method == "HEAD":  # the parser would wait for a body
            message.ended, message.keep_alive = True, False

    def on_body(self, chunk: bytes) -> None:
        """Called for each chunk of the body."""
        message = self._message
        if not message.status:
            raise BrokenError("a body follows a head that can have none")
        self._progress = True
        if not message.ended:
            message.put(chunk)

    def on_message_complete(self) -> None:
        """Called at the end of a 1xx or of the answer."""
        if self._message.status:
            self._message.ended = self._progress = True
