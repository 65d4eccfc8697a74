"""Errors of the proxy, and refusals in the error format of each API."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

Api = Literal["openai", "anthropic"]

OPENAI_ROUTES: Final = frozenset({
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/responses/compact",
})  # fmt: skip
"""Routes that generate and that only OpenAI's API has."""


class RelayError(Exception):
    """Base class of Relay's errors. The message is one sentence for the operator."""


class ConfigError(RelayError):
    """The configuration is invalid."""


class KeysError(RelayError):
    """The file of Relay keys cannot be read or written."""


class LogWriteError(RelayError):
    """A line could not be written to the log directory."""


class BackendError(RelayError):
    """The Redis of the limits or of the cache is not available."""


class Refusal(Exception):  # noqa: N818 -- an answer to the client, not a fault of the program
    """Relay's own error answer: an HTTP status, a stable code and one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_OPENAI_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
}


_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def api_of(path: str, headers: Mapping[str, str] = _NO_HEADERS) -> Api:
    """Return the API of a request: that of its route, or of its caller where both APIs have the route.

    Both have files, models and batches. Anthropic's clients send `anthropic-version`, and their key as
    `x-api-key`.
    """
    if path == "/v1/messages" or path.startswith("/v1/messages/"):
        return "anthropic"
    if path in OPENAI_ROUTES:
        return "openai"
    if "anthropic-version" in headers or ("x-api-key" in headers and "Authorization" not in headers):
        return "anthropic"
    return "openai"


def refusal_type(api: Api, status: int) -> str:
    """Return the `error.type` of a status in an API."""
    if api == "anthropic":
        return _ANTHROPIC_TYPES.get(status, "api_error")
    return _OPENAI_TYPES.get(status, "invalid_request_error")


def refusal_body(api: Api, refusal: Refusal) -> bytes:
    """Encode a refusal as the JSON body of an error in an API."""
    kind = refusal_type(api, refusal.status)
    body: dict[str, Any]
    if api == "anthropic":
        body = {"type": "error", "error": {"type": kind, "message": refusal.message}}
    else:
        body = {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}}
    return msgspec.json.encode(body)


def refusal_event(api: Api, refusal: Refusal) -> bytes:
    """Encode a refusal as a server-sent event, for a stream that has begun."""
    prefix = b"event: error\n" if api == "anthropic" else b""
    return prefix + b"data: " + refusal_body(api, refusal) + b"\n\n"
