"""The body of a client's request: whole, in its time and its size, or refused."""

from __future__ import annotations

import asyncio

from aiohttp import web

from proxy.config.server import Server
from proxy.errors import Refusal
from proxy.exchange.source import CLIENT_GONE


async def received(http: web.Request, server: Server) -> bytes:
    """The whole body, decompressed where it came compressed. Raises `Refusal` (400, 408, 413, 499)."""
    content, limit = http.content, server.max_body_bytes
    if content.is_eof() and content.total_bytes <= limit:
        return content.read_nowait()  # it came with its head: aiohttp's `read` would look for more of it
    try:
        async with asyncio.timeout(server.receive_seconds):
            return await http.read()
    except TimeoutError:
        message = f"the body was not whole after {server.receive_seconds:g} s; see server.receive_seconds"
        raise Refusal(408, "request_timeout", message) from None
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, "request_too_large", f"the body is larger than {limit} bytes") from None
    except ConnectionError:
        raise Refusal(499, CLIENT_GONE.type, CLIENT_GONE.message) from None
    except web.RequestPayloadError:
        message = "the body cannot be read: it is not encoded or framed as its headers say"
        raise Refusal(400, "unreadable_body", message) from None
