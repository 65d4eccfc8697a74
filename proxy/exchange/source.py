"""An answer on its way to a client, wherever it comes from; and whether the client is still there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from proxy.config.upstreams import Upstream
from proxy.segments.record import Fault
from proxy.upstream.connection import Taker

EVENT_STREAM: Final = "text/event-stream"
CLIENT_GONE: Final = Fault(type="client_gone", message="the client left before the answer ended")


def has_left(http: web.Request) -> bool:
    """Whether the client's connection has ended."""
    return http.transport is None or http.transport.is_closing()


def nobody() -> bool:
    """No other client waits for the answer."""
    return False


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An answer below 400 whose head is here: an upstream's, or one that the cache has (`cached`).

    `pieces` raises `UpstreamFault`; `length` is known when they are the body as it was announced; `until` is
    the event loop's time by which it must be whole; `others_wait`, asked when the client has left, tells
    whether other clients get it too. `usage_asked`, by the client or by Relay, is of streams. A body that is
    here already is `whole`, and then there are no pieces. `hand_on`, where nobody else wants the pieces,
    gives them as they arrive, until the end (True) or until they are not taken (False).
    """

    upstream: Upstream
    status: int
    content_type: str
    length: int | None
    pieces: AsyncIterator[bytes]
    drop_usage: bool
    whole: bytes = b""
    hand_on: Callable[[Taker], Awaitable[bool]] | None = None
    until: float | None = None
    usage_asked: bool = False
    cached: bool = False
    others_wait: Callable[[], bool] = nobody

    @property
    def streams(self) -> bool:
        """Whether these are server-sent events."""
        return self.content_type.partition(";")[0].strip().lower() == EVENT_STREAM
