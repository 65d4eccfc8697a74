"""What can go wrong in the proxy: faults of its set-up, and refusals in the error form of each API."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Api = Literal["openai", "anthropic"]


class RelayError(Exception):
    """Relay cannot do this. The message is one sentence for the person who runs it."""


class ConfigError(RelayError):
    """The configuration cannot be used."""


class KeysError(RelayError):
    """The file of Relay keys cannot be read or written."""


class LogWriteError(RelayError):
    """A line could not be written to the log directory."""


class BackendError(RelayError):
    """The Redis that limits or the cache are kept in cannot be asked at the moment."""


class Refusal(Exception):  # noqa: N818 -- it is an answer to a client, not a fault of the program
    """Relay's own answer instead of the provider's: an HTTP status, a stable code and one sentence."""

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
    """Which API a route speaks: Anthropic's below `/v1/messages`, OpenAI's everywhere else."""
    return "anthropic" if path == "/v1/messages" or path.startswith("/v1/messages/") else "openai"


def refusal_type(api: Api, status: int) -> str:
    """The `error.type` that the API's own clients know for a status."""
    if api == "anthropic":
        return _ANTHROPIC_TYPES.get(status, "api_error")
    return _OPENAI_TYPES.get(status, "invalid_request_error")


def refusal_body(api: Api, refusal: Refusal) -> bytes:
    """The refusal as the JSON body that a client of this API expects."""
    kind = refusal_type(api, refusal.status)
    body: dict[str, Any]
    if api == "anthropic":
        body = {"type": "error", "error": {"type": kind, "message": refusal.message}}
    else:
        body = {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}}
    return msgspec.json.encode(body)


def refusal_event(api: Api, refusal: Refusal) -> bytes:
    """The refusal as a server-sent event, for a stream that has already begun."""
    prefix = b"event: error\n" if api == "anthropic" else b""
    return prefix + b"data: " + refusal_body(api, refusal) + b"\n\n"
