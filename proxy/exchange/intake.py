"""Reads and checks a client's request: its body, its model, its route to the upstreams."""

from __future__ import annotations

import asyncio

from aiohttp import web

from proxy.config.server import Server
from proxy.config.upstreams import Upstream
from proxy.errors import Api, Refusal
from proxy.exchange.services import Services
from proxy.exchange.source import CLIENT_GONE
from proxy.request.call import Call, read_call
from proxy.request.context import Request
from proxy.request.keys import Key
from proxy.request.routing import check_route
from proxy.segments.record import clip


async def read_request(services: Services, http: web.Request, request: Request) -> Call:
    """Reads the body. A body that another parser may read differently is encoded anew. Raises `Refusal`."""
    body = await read_body(http, services.config.server)
    call = read_call(request.endpoint, http.method, body)
    if call.body is not None and services.is_ambiguous(request.key, call):
        return call.reencoded()
    return call


async def read_body(http: web.Request, server: Server) -> bytes:
    """The whole body, decompressed. Raises `Refusal` (400, 408, 413, 499)."""
    content, limit = http.content, server.max_body_bytes
    if content.is_eof() and content.total_bytes <= limit:
        return content.read_nowait()  # it arrived with the head: faster than aiohttp's `read`
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


def select_upstreams(
    services: Services, http: web.Request, request: Request, call: Call, api: Api
) -> tuple[Upstream, ...]:
    """The upstreams to try, in order; sets the resolved model. Raises `Refusal` (400, 403, 404, 405)."""
    check_route(http.method, http.path, http.query_string)
    check_model(request.key, call)
    model = request.resolved_model = call.model and services.router.resolve(call.model)
    upstreams = services.router.candidates(api, model)
    if not upstreams:
        what = f"the model '{call.model}'" if call.model else "this route"
        raise Refusal(404, "model_not_found", f"no upstream is configured for {what}")
    request.upstream = upstreams[0]
    return upstreams


def check_model(key: Key, call: Call) -> None:
    """Raises `Refusal` (403) for a model that the key may not use, or that cannot be checked."""
    if "*" in key.models:
        return
    if call.raw and call.body is None:  # a form, for example, that holds a model
        message = "this Relay key is limited to some models, and this body does not name one in JSON"
        raise Refusal(403, "model_not_allowed", message)
    for model in [call.model or ""] if call.metered else call.all_models():
        if not key.allows(model):
            raise Refusal(403, "model_not_allowed", f"this Relay key may not use the model '{clip(model)}'")
