"""Cross-origin requests of browsers, for the origins in `server.cors_origins`.

A preflight carries no key and is answered before authentication. Credentials mode is not supported: a page
sends its Relay key in a header.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import web

from proxy.errors import Refusal, api_of, refusal_body
from proxy.limits.headers import NAMES
from proxy.segments.record import clip

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_AGE_SECONDS: Final = 7200  # Chromium's maximum
_METHODS: Final = "DELETE, GET, HEAD, PATCH, POST, PUT"
_EXPOSED: Final = ", ".join([
    "x-relay-request-id", "x-relay-cache", "x-request-id", "request-id", "retry-after",
    "x-should-retry", *NAMES,
])  # fmt: skip


class Cors:
    """The headers of CORS on the routes below `/v1/`. `*` in `origins` permits every origin."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)
        self._any = "*" in self._origins

    def preflights(self, handle: Handler) -> Handler:
        """Return the handler that answers preflights and leaves all other requests to `handle`."""

        async def handle_cors(http: web.Request) -> web.StreamResponse:
            headers = http.headers
            if (
                http.method == "OPTIONS"
                and "Origin" in headers
                and "Access-Control-Request-Method" in headers
            ):
                return self._preflight(http)
            return await handle(http)

        return handle_cors

    async def add_headers(self, http: web.Request, response: web.StreamResponse) -> None:
        """Add the headers to any response, before its head is sent: errors and streams included."""
        if not http.path.startswith("/v1/"):
            return
        if not self._any:
            response.headers.add("Vary", "Origin")
        if allowed := self._allowed(http.headers.get("Origin")):
            response.headers["Access-Control-Allow-Origin"] = allowed
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED

    def _allowed(self, origin: str | None) -> str | None:
        """Return the value of `Access-Control-Allow-Origin`; None for an origin that is not permitted."""
        if origin is None:
            return None
        if self._any:
            return "*"
        return origin if origin in self._origins else None

    def _preflight(self, http: web.Request) -> web.Response:
        """Answer a preflight; 403 without the headers for an origin that is not permitted."""
        origin = http.headers["Origin"]
        if self._allowed(origin) is None:
            refusal = Refusal(403, "origin_not_allowed", f"'{clip(origin)}' is not in server.cors_origins")
            body = refusal_body(api_of(http.path, http.headers), refusal)
            return web.Response(status=403, body=body, content_type="application/json")
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
            "Vary": "Access-Control-Request-Headers",
        }
        if requested := http.headers.get("Access-Control-Request-Headers"):
            headers["Access-Control-Allow-Headers"] = requested
        return web.Response(status=204, headers=headers)
