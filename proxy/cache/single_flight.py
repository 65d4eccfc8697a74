"""Single flight: one request asks the upstream, and equal requests follow its answer as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class BrokenFlightError(Exception):
    """The answer broke off before it was complete."""


class SingleFlight:
    """The chunks of one answer as they arrive, for its leader and any followers in the same event loop.

    It buffers about `max_bytes` at most, and more only while there are followers.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._chunks: list[bytes] = []
        self._changed = asyncio.Event()
        self._ended = self._abandoned = False
        self._followers = 0
        self.content_type: str | None = None
        self.complete = False

    @property
    def body(self) -> bytes | None:
        """The complete body; None when it broke off or exceeds `max_bytes`."""
        return b"".join(self._chunks) if self.complete and self._bytes <= self._max_bytes else None

    @property
    def joinable(self) -> bool:
        """Whether a follower can still get all chunks."""
        return self._bytes <= self._max_bytes

    def begin(self, content_type: str) -> None:
        """Announce the head of an answer that may be shared."""
        self.content_type = content_type
        self._notify()

    async def share(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the chunks to the leader and publish them to the followers."""
        try:
            async for chunk in chunks:
                self._bytes += len(chunk)
                if self._followers or self.joinable:
                    self._chunks.append(chunk)
                else:
                    self._chunks.clear()
                self._notify()
                yield chunk
            self.complete = True
        finally:
            self.end()

    def end(self) -> None:
        """End the flight; followers that still wait for the head send their own requests."""
        self._ended = True
        self._notify()

    async def join(self) -> bool:
        """Wait for the head and return whether to follow; otherwise the request must be sent upstream."""
        if self._abandoned:
            return False
        joined = False
        self._followers += 1
        try:
            while self.content_type is None and not self._ended:
                await self._changed.wait()
            joined = self.content_type is not None and self.joinable
        finally:
            self._followers -= not joined
        return joined

    def leader_left(self) -> bool:
        """Return whether followers still wait for the answer after the leader's client has disconnected.

        Without followers the answer is only drained until a deadline, so none can join from then on.
        """
        self._abandoned = not self._followers
        return not self._abandoned

    async def follow(self) -> AsyncIterator[bytes]:
        """Yield all chunks from the first one on. Raises `BrokenFlightError` when the answer breaks off."""
        try:
            position = 0
            while True:
                changed = self._changed
                while position < len(self._chunks):
                    position += 1
                    yield self._chunks[position - 1]
                if self._ended:
                    break
                await changed.wait()
            if not self.complete:
                raise BrokenFlightError
        finally:
            self._followers -= 1

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
