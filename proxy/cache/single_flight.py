"""An answer on its way that others asked for too: they get it as it comes, and the upstream is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class BrokenFlightError(Exception):
    """The answer broke off before it was whole."""


class Flight:
    """The pieces of one answer as they arrive. Used by one event loop.

    It holds at most about `max_bytes`, and more only while somebody follows it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pieces: list[bytes] = []
        self._news = asyncio.Event()
        self._over = self._left = False
        self._followers = 0
        self.content_type: str | None = None
        self.whole = False

    @property
    def body(self) -> bytes | None:
        """The whole body; None when it broke off or was too large to hold."""
        return b"".join(self._pieces) if self.whole and self._bytes <= self._max_bytes else None

    @property
    def joinable(self) -> bool:
        """Whether all of it is still here, or to come."""
        return self._bytes <= self._max_bytes

    def begin(self, content_type: str) -> None:
        """The head of an answer that may be shared has arrived."""
        self.content_type = content_type
        self._tell()

    async def passing(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces, on their way to the client that asked first."""
        try:
            async for piece in pieces:
                self._bytes += len(piece)
                if self._followers or self.joinable:
                    self._pieces.append(piece)
                else:
                    self._pieces.clear()
                self._tell()
                yield piece
            self.whole = True
        finally:
            self.end()

    def end(self) -> None:
        """Nothing more comes; whoever still waits for the beginning has to ask for himself."""
        self._over = True
        self._tell()

    async def join(self) -> bool:
        """Waits for the head; whoever gets True follows the pieces, the others ask for themselves."""
        if self._left:
            return False
        joined = False
        self._followers += 1
        try:
            while self.content_type is None and not self._over:
                await self._news.wait()
            joined = self.content_type is not None and self.joinable
        finally:
            self._followers -= not joined
        return joined

    def leave(self) -> bool:
        """The client that asked first has left: whether others wait for the answer.

        Where nobody does, nobody comes any more: from now on the answer has a deadline.
        """
        self._left = not self._followers
        return not self._left

    async def following(self) -> AsyncIterator[bytes]:
        """The pieces from the first on, as they come. Raises `BrokenFlightError` when they break off."""
        try:
            at = 0
            while True:
                news = self._news
                while at < len(self._pieces):
                    at += 1
                    yield self._pieces[at - 1]
                if self._over:
                    break
                await news.wait()
            if not self.whole:
                raise BrokenFlightError
        finally:
            self._followers -= 1

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
