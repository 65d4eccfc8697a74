"""The answer that a client gets: an upstream's, or one from the cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from proxy.config.upstreams import Upstream
from proxy.segments.record import Fault
from proxy.upstream.connection import Consumer

EVENT_STREAM: Final = "text/event-stream"
CLIENT_GONE: Final = Fault(type="client_gone", message="the client left before the answer ended")


def is_disconnected(http: web.Request) -> bool:
    """Whether the client's connection has ended."""
    return http.transport is None or http.transport.is_closing()


def no_other_readers() -> bool:
    """False: the answer has one client."""
    return False


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An answer below 400 whose head has arrived; `cached` when it is from the cache.

    - `chunks` yields the body and raises `UpstreamFault`; `length` is its announced size, if known.
    - `body` is the whole body where it arrived with the head; `chunks` is not read then.
    - `push` calls a consumer with each chunk as it arrives, until the end (True) or until the consumer
      returns False. It is set where nothing else reads the chunks.
    - `deadline`: when the body must be complete, in the event loop's time.
    - `has_other_readers`: called when the client has disconnected; whether others read it.
    - `has_other_readers`: called when the client has disconnected; whether others read it.
    """

    upstream: Upstream
    status: int
    content_type: str
    length: int | None
    chunks: AsyncIterator[bytes]
    drop_usage: bool
    body: bytes = b""
    push: Callable[[Consumer], Awaitable[bool]] | None = None
    deadline: float | None = None
    usage_requested: bool = False
    cached: bool = False
    has_other_readers: Callable[[], bool] = no_other_readers

    @property
    def is_stream(self) -> bool:
        """Whether the body consists of server-sent events."""
        return self.content_type.partition(";")[0].strip().lower() == EVENT_STREAM
