"""Answers requests for the list of models, which Relay answers itself."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from proxy.exchange.handler import Exchange
from proxy.exchange.intake import read_request
from proxy.metering.record_builder import Outcome
from proxy.models.answers import list_answer, model_answer, visible
from proxy.request.routing import check_route

LIST: Final = "/v1/models"


class ModelsExchange(Exchange):
    """A `GET /v1/models` or `GET /v1/models/{id}`: authenticated, limited and recorded like any request."""

    async def _answer(self) -> web.StreamResponse:
        services, http, request = self._services, self._http, self._request
        request.call = await read_request(services, http, request)
        check_route(http.method, http.path, http.query_string)
        self._recorder.admission = await services.limits.admit(request)
        models = visible(await services.models.models(services.client), request.key, self._api)
        name = http.path.removeprefix(LIST).removeprefix("/")
        body = model_answer(self._api, models, name) if name else list_answer(self._api, models, http.query)
        await self._recorder.finish(Outcome(status=200))
        return web.Response(
            body=msgspec.json.encode(body),
            headers={"x-relay-request-id": request.request_id, **self._recorder.admission.headers},
            content_type="application/json",
        )
