"""A stand-in provider with OpenAI's and Anthropic's APIs and random text.

Its answers depend on the request and the seed only. Streams have pauses as real ones do, and some requests
fail as they do at real providers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from hmac import compare_digest
from random import Random
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from relayctl.demo.failures import errors_in_format, failure, is_anthropic, required
from relayctl.demo.files import Files
from relayctl.demo.formats import chat, embeddings, messages, models, responses
from relayctl.demo.formats.answer import Answer, answer_to
from relayctl.demo.formats.requested import MAX_CHOICES, prompt_text, prompt_tokens, unknown_tool
from relayctl.demo.people import MODELS
from relayctl.demo.stored_responses import StoredResponses

# (chance, status, error type, message)
_OPENAI_FAULTS: Final = (
    (0.008, 429, "requests", "Rate limit reached for requests"),
    (0.003, 500, "server_error", "The server had an error while processing your request"),
    (0.004, 503, "server_error", "The engine is currently overloaded, please try again later"),
)
_ANTHROPIC_FAULTS: Final = (
    (0.008, 429, "rate_limit_error", "This request would exceed your rate limit"),
    (0.003, 500, "api_error", "Internal server error"),
    (0.004, 529, "overloaded_error", "Overloaded"),
)
_FIRST_PAUSE: Final = (0.010, 0.060)
_PAUSE: Final = (0.002, 0.012)
_MAX_BODY_BYTES: Final = 32 * 1024 * 1024


class StandIn:
    """The handlers of the stand-in provider; `seed` determines the answers, and one key is accepted.

    While `failing` is true, a few requests fail as they do at a real provider.
    """

    def __init__(self, *, seed: int, api_key: str, failing: bool) -> None:
        self.failing = failing
        self._seed = seed
        self.api_key = api_key
        self._files = Files()
        self._responses = StoredResponses()

    def app(self) -> web.Application:
        """The application that serves both APIs below `/v1`."""
        middlewares = [errors_in_format, self._authenticate]
        app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=middlewares)
        routes = [
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/responses", self.responses),
            web.post("/v1/responses/input_tokens", self.count_tokens),
            web.post("/v1/embeddings", self.embeddings),
            web.get("/v1/models", self.models),
            web.get("/v1/models/{name:.+}", self.model),
            web.post("/v1/messages", self.messages),
            web.post("/v1/messages/count_tokens", self.count_tokens),
        ]
        app.add_routes([*routes, *self._files.routes(), *self._responses.routes()])
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        body, random, answer = await self._answer(request, "model", "messages")
        if not body.get("stream"):
            return await _whole(chat.chat(answer), answer, random)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        frames = chat.chat_frames(answer, include_usage=include_usage)
        return await _stream(request, frames, answer, random)

    async def responses(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/responses`."""
        body, random, answer = await self._answer(request, "model")
        # Stored responses need unique ids, even if equal requests have equal answers.
        answer = replace(answer, digits=uuid4().hex)
        whole = responses.response(answer, body)
        self._responses.store(whole, body)
        if body.get("stream"):
            return await _stream(request, responses.response_frames(answer, body), answer, random)
        return await _whole(whole, answer, random)

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/embeddings`."""
        body, random, answer = await self._answer(request, "model", "input")
        return await _whole(embeddings.embeddings(body, model=answer.model, seed=self._seed), answer, random)

    async def models(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/models`, in pages for Anthropic's clients."""
        if not is_anthropic(request):
            return web.json_response(models.openai_models(list(MODELS)))
        try:
            return web.json_response(models.anthropic_models(list(MODELS), request.query))
        except ValueError:
            raise failure(request, 400, "limit: Input should be between 1 and 1000") from None

    async def model(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/models/{name}`."""
        name = request.match_info["name"]
        encode = models.anthropic_model if is_anthropic(request) else models.openai_model
        if name not in MODELS or name.startswith("claude") != is_anthropic(request):
            raise failure(request, 404, f"The model '{name}' does not exist", code="model_not_found")
        return web.json_response(encode(name))

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/messages`."""
        body, random, answer = await self._answer(request, "model", "max_tokens", "messages")
        if body.get("stream"):
            return await _stream(request, messages.message_frames(answer), answer, random)
        return await _whole(messages.message(answer), answer, random)

    async def count_tokens(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/messages/count_tokens` and `POST /v1/responses/input_tokens`."""
        body = await _json(request)
        if is_anthropic(request):
            required(request, body, "model", "messages")
            return web.json_response({"input_tokens": prompt_tokens(body)})
        return web.json_response(responses.input_tokens(prompt_tokens(body)))

    async def _answer(self, request: web.Request, *fields: str) -> tuple[dict[str, Any], Random, Answer]:
        """The request's body with these required fields, its random numbers, and its answer."""
        body = await _json(request)
        required(request, body, *fields)
        _check(request, body)
        random = Random(f"{self._seed} {body.get('model')} {prompt_text(body)}")  # noqa: S311 - not a secret
        chance = random.random() if self.failing else 1
        for share, status, kind, message in _ANTHROPIC_FAULTS if is_anthropic(request) else _OPENAI_FAULTS:
            if chance < share:
                raise failure(request, status, message, kind=kind)
            chance -= share
        return body, random, answer_to(body, random, created=int(time.time()))

    @web.middleware
    async def _authenticate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = request.headers.get("x-api-key", request.headers.get("Authorization", ""))
        if not compare_digest(given.removeprefix("Bearer ").encode(), self.api_key.encode()):
            raise failure(request, 401, "Incorrect API key")
        return await handler(request)


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise failure(request, 400, "The body is not a JSON object")
    return body


def _check(request: web.Request, body: dict[str, Any]) -> None:
    """Raises a 400 for values that real providers refuse and the stand-in could not answer."""
    number, size = body.get("n"), body.get("dimensions")
    if number is not None and not (isinstance(number, int) and 1 <= number <= MAX_CHOICES):
        raise failure(request, 400, f"'n' must be a number from 1 to {MAX_CHOICES}", code="invalid_value")
    if (tool := unknown_tool(body)) is not None:
        raise failure(request, 400, f"tool_choice: the tool '{tool}' is not in 'tools'")
    if request.path != "/v1/embeddings":
        return
    if not 1 <= len(embeddings.inputs(body)) <= embeddings.MAX_INPUTS:
        raise failure(
            request, 400, f"'input' must have from 1 to {embeddings.MAX_INPUTS} texts or token lists"
        )
    if size is not None and not (isinstance(size, int) and 1 <= size <= embeddings.MAX_DIMENSIONS):
        raise failure(request, 400, f"'dimensions' must be a number from 1 to {embeddings.MAX_DIMENSIONS}")


def _headers(answer: Answer) -> dict[str, str]:
    return {"x-request-id": f"req_{answer.digits}", "request-id": f"req_01{answer.digits[:22]}"}


async def _whole(body: dict[str, Any], answer: Answer, random: Random) -> web.Response:
    await asyncio.sleep(random.uniform(*_FIRST_PAUSE) + random.uniform(*_PAUSE) * len(answer.chunks))
    return web.json_response(body, headers=_headers(answer))


async def _stream(
    request: web.Request, frames: Iterator[bytes], answer: Answer, random: Random
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers=_headers(answer) | {"Content-Type": "text/event-stream; charset=utf-8"}
    )
    with suppress(ConnectionResetError):  # the client has left
        await response.prepare(request)
        await asyncio.sleep(random.uniform(*_FIRST_PAUSE))
        for frame in frames:
            await response.write(frame)
            await asyncio.sleep(random.uniform(*_PAUSE))
        await response.write_eof()
    return response
