"""Errors of the proxy, and refusals in the error format of each API."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Api = Literal["openai", "anthropic"]


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


def api_of(path: str) -> Api:
    """Return the API of a route: Anthropic's for `/v1/messages` and below, otherwise OpenAI's."""
    return "anthropic" if path == "/v1/messages" or path.startswith("/v1/messages/") else "openai"


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
