"""The responses that the stand-in stores, so that clients can read and delete them by their ids."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from relayctl.demo.failures import failure
from relayctl.demo.formats.pages import openai_page
from relayctl.demo.formats.responses import input_items

_MAX_STORED: Final = 1_000


class StoredResponses:
    """The handlers of `/v1/responses/{id}`. Beyond 1,000 responses the oldest are deleted."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}

    def routes(self) -> list[web.RouteDef]:
        """The routes of stored responses."""
        one = "/v1/responses/{id}"
        return [
            web.get(one, self.retrieve),
            web.delete(one, self.delete),
            web.get(f"{one}/input_items", self.input_items),
        ]

    def store(self, response: dict[str, Any], request: dict[str, Any]) -> None:
        """Stores a response with its request's input, unless the request says `store: false`."""
        if request.get("store") is False:
            return
        self._stored[response["id"]] = response, input_items(response["id"], request)
        if len(self._stored) > _MAX_STORED:
            del self._stored[next(iter(self._stored))]

    async def retrieve(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/responses/{id}`."""
        response, _ = self._found(request)
        return web.json_response(response)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/responses/{id}`."""
        response, _ = self._found(request)
        del self._stored[response["id"]]
        return web.json_response({"id": response["id"], "object": "response", "deleted": True})

    async def input_items(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/responses/{id}/input_items`, in pages."""
        _, items = self._found(request)
        try:
            return web.json_response(openai_page(items, request.query))
        except ValueError:
            raise failure(request, 400, "Invalid value for 'limit'") from None

    def _found(self, request: web.Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        try:
            return self._stored[request.match_info["id"]]
        except KeyError:
            message = f"Response with id '{request.match_info['id']}' not found."
            raise failure(request, 404, message) from None
