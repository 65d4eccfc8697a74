"""The connection to a provider: sends one request and gives its answer, or a fault in one of three kinds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from proxy.config import Upstream
from proxy.errors import Refusal


Answer = aiohttp.ClientResponse


class UpstreamFault(Refusal):
    """The upstream gave no whole answer: unreachable or broken (502), or too slow (504).

    `sent` tells whether the request may have reached it, and so may be billed.
    """

    def __init__(self, status: int, code: str, message: str, *, sent: bool) -> None:
        super().__init__(status, code, message)
        self.sent = sent


class Client:
    """Sends requests over kept-alive connections; follows no redirect and keeps no cookie."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
        )

    @asynccontextmanager
    async def send(
        self, upstream: Upstream, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The upstream's answer when its head has arrived. Raises `UpstreamFault`."""
        timeouts = upstream.timeouts
        target = URL(url, encoded=True)  # what the client escaped stays escaped
        limits = aiohttp.ClientTimeout(sock_connect=timeouts.connect, sock_read=None)
        try:
            async with asyncio.timeout(timeouts.head):
                response = await self._session.request(
                    method, target, headers=headers, data=body or None, timeout=limits, allow_redirects=False
                )
        except aiohttp.ConnectionTimeoutError as error:
            raise _too_slow(upstream, f"{timeouts.connect:g} s to connect", sent=False) from error
        except TimeoutError as error:
            raise _too_slow(upstream, f"{timeouts.head:g} s to answer", sent=True) from error
        except aiohttp.ClientConnectorError as error:
            message = f"the upstream '{upstream.name}' cannot be reached"
            raise UpstreamFault(502, "upstream_unreachable", message, sent=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise broken(upstream) from error
        try:
            yield response
        finally:
            # Only an answer read to its end leaves the connection fit for the next request.
            response.release() if response.content.at_eof() else response.close()

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()


async def pieces(upstream: Upstream, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body piece by piece as it arrives. Raises `UpstreamFault` when it breaks off or stalls."""
    idle = upstream.timeouts.idle
    while True:
        try:
            async with asyncio.timeout(idle):
                piece = await response.content.readany()
        except TimeoutError as error:
            raise _too_slow(upstream, f"{idle:g} s between two pieces of its answer", sent=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise broken(upstream) from error
        if not piece:
            return
        yield piece


def broken(upstream: Upstream) -> UpstreamFault:
    """The connection ended before the answer did."""
    message = f"the upstream '{upstream.name}' broke off its answer"
    return UpstreamFault(502, "upstream_broken", message, sent=True)


def _too_slow(upstream: Upstream, what: str, *, sent: bool) -> UpstreamFault:
    message = f"the upstream '{upstream.name}' took more than {what}"
    return UpstreamFault(504, "upstream_timeout", message, sent=sent)
