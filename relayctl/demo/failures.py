"""The stand-in's errors, in the format of the API that was called."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

_RETRYABLE: Final = frozenset({429, 503, 529})
_ANTHROPIC_TYPES: Final = {401: "authentication_error", 404: "not_found_error", 413: "request_too_large"}
_OPENAI_CODES: Final = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


class Failure(web.HTTPException):
    """An error answer that is already in the format of its API."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        self.status_code = status
        super().__init__(text=json.dumps(body), content_type="application/json", headers=headers)


def is_anthropic(request: web.Request) -> bool:
    """Whether a request is for Anthropic's API. Its clients name a version where both APIs have the path."""
    if request.path.startswith("/v1/messages"):
        return True
    return request.path.startswith(("/v1/models", "/v1/files")) and "anthropic-version" in request.headers


def failure(
    request: web.Request, status: int, message: str, *, kind: str | None = None, code: str | None = None
) -> Failure:
    """An error in the format of the API that was called; `kind` is its type if the status has several."""
    request_id = f"req_{uuid4().hex}"
    headers = {"x-request-id": request_id, "request-id": request_id}
    if status in _RETRYABLE:
        headers["Retry-After"] = "1"
    if is_anthropic(request):
        kind = kind or _ANTHROPIC_TYPES.get(status, "invalid_request_error")
        error: dict[str, Any] = {"type": kind, "message": message}
        return Failure(status, {"type": "error", "error": error, "request_id": request_id}, headers)
    kind, code = kind or "invalid_request_error", code or _OPENAI_CODES.get(status)
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Failure(status, {"error": error}, headers)


def required(request: web.Request, body: dict[str, Any], *fields: str) -> None:
    """Raises a 400 if a field of the body is absent or empty."""
    for field in fields:
        if body.get(field) in (None, "", []):
            anthropic = is_anthropic(request)
            message = f"{field}: Field required" if anthropic else f"Missing required parameter: '{field}'."
            raise failure(request, 400, message, code="missing_required_parameter")


@web.middleware
async def errors_in_format(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Gives aiohttp's own errors (unknown path, wrong method, body too large) the format of the API."""
    try:
        return await handler(request)
    except Failure:
        raise
    except web.HTTPRequestEntityTooLarge:
        raise failure(request, 413, "Request exceeds the maximum size") from None
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        message = f"Invalid URL ({request.method} {request.path})"
        raise failure(request, error.status, message) from None
