"""A stand-in provider with OpenAI's and Anthropic's APIs and random text.

Its answers depend on the request and the seed only. Streams have pauses as real ones do, and some requests
fail as they do at real providers.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from hmac import compare_digest
from random import Random
from typing import Any, Final

from aiohttp import web

from relayctl.demo import anthropic_shapes, openai_shapes
from relayctl.demo.answer import Answer, answer_to, prompt_text, tokens_in
from relayctl.demo.people import MODELS

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
_RETRYABLE: Final = frozenset({429, 503, 529})
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

    def app(self) -> web.Application:
        """The application that serves both APIs below `/v1`."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/responses", self.responses)
        app.router.add_post("/v1/embeddings", self.embeddings)
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/messages", self.messages)
        app.router.add_post("/v1/messages/count_tokens", self.count_tokens)
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        body, random, answer = await self._answer(request)
        if not body.get("stream"):
            return await _whole(openai_shapes.chat(answer), answer, random)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        frames = openai_shapes.chat_frames(answer, include_usage=include_usage)
        return await _stream(request, frames, answer, random)

    async def responses(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/responses`."""
        body, random, answer = await self._answer(request)
        if body.get("stream"):
            return await _stream(request, openai_shapes.response_frames(answer), answer, random)
        return await _whole(openai_shapes.response(answer), answer, random)

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/embeddings`."""
        _, random, answer = await self._answer(request)
        return await _whole(openai_shapes.embedding(answer), answer, random)

    async def models(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/models`."""
        self._authenticate(request)
        return web.json_response(openai_shapes.models(list(MODELS)))

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/messages`."""
        body, random, answer = await self._answer(request)
        if body.get("stream"):
            return await _stream(request, anthropic_shapes.message_frames(answer), answer, random)
        return await _whole(anthropic_shapes.message(answer), answer, random)

    async def count_tokens(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/messages/count_tokens`."""
        self._authenticate(request)
        return web.json_response({"input_tokens": tokens_in(prompt_text(await _json(request)))})

    async def _answer(self, request: web.Request) -> tuple[dict[str, Any], Random, Answer]:
        self._authenticate(request)
        body = await _json(request)
        random = Random(f"{self._seed} {body.get('model')} {prompt_text(body)}")  # noqa: S311 - not a secret
        chance = random.random() if self.failing else 1
        for share, status, kind, message in _ANTHROPIC_FAULTS if _is_anthropic(request) else _OPENAI_FAULTS:
            if chance < share:
                raise _failure(request, status, kind, message)
            chance -= share
        return body, random, answer_to(body, random, created=int(time.time()))

    def _authenticate(self, request: web.Request) -> None:
        given = request.headers.get("x-api-key", request.headers.get("Authorization", ""))
        if not compare_digest(given.removeprefix("Bearer ").encode(), self.api_key.encode()):
            kind = "authentication_error" if _is_anthropic(request) else "invalid_request_error"
            raise _failure(request, 401, kind, "Incorrect API key")


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _failure(request, 400, "invalid_request_error", "The body is not a JSON object")
    return body


def _is_anthropic(request: web.Request) -> bool:
    return request.path.startswith("/v1/messages")


def _failure(request: web.Request, status: int, kind: str, message: str) -> web.HTTPException:
    """An error in the format of the API that was called."""
    shapes = anthropic_shapes if _is_anthropic(request) else openai_shapes
    return _Failure(
        status,
        text=json.dumps(shapes.error(kind, message)),
        content_type="application/json",
        headers={"Retry-After": "1"} if status in _RETRYABLE else None,
    )


class _Failure(web.HTTPException):
    def __init__(self, status: int, **options: Any) -> None:
        self.status_code = status
        super().__init__(**options)


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
    await response.prepare(request)
    await asyncio.sleep(random.uniform(*_FIRST_PAUSE))
    for frame in frames:
        await response.write(frame)
        await asyncio.sleep(random.uniform(*_PAUSE))
    await response.write_eof()
    return response
