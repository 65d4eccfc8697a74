"""Reads HTTP/1 answers wherever their bytes are cut: a head, then a body exactly as long as it says.

llhttp (by httptools) does the reading, in its strict mode: an answer that gives its length in two ways is
refused, never guessed at. What has no end by itself (heads, chunk lines, trailers) is bounded.
"""

from __future__ import annotations

from typing import Final

import httptools
from multidict import CIMultiDict

from proxy.errors import RelayError

MAX_HEAD_BYTES: Final = 65_536  # what has more may pass, what has twice as much never does


class BrokenError(RelayError):
    """The answer cannot be had whole: the connection ended, or what came is no HTTP/1. Quotes nothing."""


class Message:
    """One answer as it comes in: `status` is 0 until its head is here; the body is taken as it arrives."""

    __slots__ = (
        "_pieces", "ended", "fault", "headers", "keep_alive", "method", "size", "status", "until_close",
    )  # fmt: skip

    def __init__(self, method: str) -> None:
        self.method = method
        self.status = 0
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.keep_alive = False
        self.until_close = False  # whether nothing but the end of the connection ends this body
        self.ended = False
        self.fault: BrokenError | None = None
        self.size = 0  # bytes of the body that wait to be taken
        self._pieces: list[bytes] = []

    def put(self, piece: bytes) -> None:
        """Adds what has arrived of the body."""
        self._pieces.append(piece)
        self.size += len(piece)

    def take(self) -> bytes:
        """All of the body that has arrived and was not taken before."""
        pieces = self._pieces
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        return taken


class AnswerParser:
    """Fills one `Message` after another from the bytes of one connection."""

    def __init__(self) -> None:
        self._message = Message("")
        self._message.ended = True
        self._head: list[tuple[bytes, bytes]] = []
        self._progress = False
        self._barren = 0  # bytes fed since something came of them
        self._http = httptools.HttpResponseParser(self)
        self._http.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # some servers pad it

    @property
    def heard(self) -> bool:
        """Whether bytes have come since the answer was expected (asked while it has no head)."""
        return self._barren > 0

    def expect(self, message: Message) -> None:
        """What comes next is this answer."""
        self._message = message
        self._barren = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Reads on. Raises `BrokenError`, also for what follows the end of an answer."""
        if len(data) > MAX_HEAD_BYTES:  # in parts, so that the bound holds for what comes in one read too
            view = memoryview(data)
            for start in range(0, len(data), MAX_HEAD_BYTES):
                self.feed(view[start : start + MAX_HEAD_BYTES])
            return
        self._progress = False
        self._barren += len(data)
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise BrokenError("it changes to a protocol that was not asked for") from None
        except httptools.HttpParserError as error:
            raise BrokenError(str(error.__context__ or error)) from error
        if self._progress:
            self._barren = 0
        elif self._barren > MAX_HEAD_BYTES:
            raise BrokenError(f"a head, chunk line or trailer has more than {MAX_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        """An answer begins: the expected one, or the one after a 1xx."""
        if self._message.ended:
            raise BrokenError("bytes follow the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head; a trailer is left out."""
        if not self._message.status:
            self._head.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is whole: that of a 1xx is passed over, the final one opens the answer."""
        status, message = self._http.get_status_code(), self._message
        lines, self._head = self._head, []
        if status < 200:
            return
        if status > 599:
            raise BrokenError("its status is none that HTTP has")
        # Bytes that are no UTF-8 survive as surrogates, as they do in aiohttp's own headers.
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
        if message.method == "HEAD":  # the parser cannot be told: it waits for a body
            message.ended, message.keep_alive = True, False

    def on_body(self, piece: bytes) -> None:
        """Some of the body."""
        message = self._message
        if not message.status:
            raise BrokenError("a body follows a head that can have none")
        self._progress = True
        if not message.ended:
            message.put(piece)

    def on_message_complete(self) -> None:
        """The end of a 1xx, or of the answer."""
        if self._message.status:
            self._message.ended = self._progress = True
