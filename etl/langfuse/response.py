"""Interprets Langfuse's response, or its absence: what is certain about the spans that were sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

import httpx
from langfuse.api.core.api_error import ApiError
from pydantic import ValidationError

_MAX_REASON_CHARACTERS: Final = 200
# The connection was never made, so nothing can have been stored.
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
TRANSPORT_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, ValidationError)
"""Errors of the client when there was no response, or not one of Langfuse's."""


class Outcome(Enum):
    """What is certain about the spans of one request."""

    ACCEPTED = "accepted by the server"
    REFUSED = "all refused: one of them, or their size, is wrong"
    NOT_SENT = "none reached the server, or it asked to wait"
    UNKNOWN = "stored or not, which is unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult:
    """The outcome of a request, the reason, and the seconds to wait that the server asked for."""

    outcome: Outcome
    reason: str = ""
    retry_after: float | None = None


def from_api_error(error: ApiError) -> SendResult:
    """The result of a request that the server answered with an error status."""
    status = error.status_code or 0
    reason = f"answered {status}"
    if status == 429:
        return SendResult(outcome=Outcome.NOT_SENT, reason=reason, retry_after=retry_after(error))
    if status >= 500 or status == 408 or status < 300:
        return SendResult(outcome=Outcome.UNKNOWN, reason=reason)
    return SendResult(outcome=Outcome.REFUSED, reason=f"Langfuse {reason}{server_message(error)}")


def from_transport_error(error: Exception) -> SendResult:
    """The result of a request without a response."""
    if isinstance(error, _NEVER_SENT):
        return SendResult(outcome=Outcome.NOT_SENT, reason=f"cannot be reached: {error_text(error)}")
    return SendResult(outcome=Outcome.UNKNOWN, reason=f"did not answer: {error_text(error)}")


def error_text(error: Exception) -> str:
    """The first line of a library's message; nothing of a body that could not be decoded is quoted."""
    if isinstance(error, ValidationError):
        return "its answer is not one of Langfuse's"
    return (str(error) or type(error).__name__).splitlines()[0][:_MAX_REASON_CHARACTERS]


def server_message(error: ApiError) -> str:
    """The message of the server, if any, after a colon; it may quote a span."""
    body = error.body if isinstance(error.body, dict) else {}
    text = body.get("message") or body.get("error") or ""
    if not isinstance(text, str) or not text:
        return ""
    return f": {' '.join(text.split())[:_MAX_REASON_CHARACTERS]}"


def retry_after(error: ApiError) -> float | None:
    """The seconds to wait that the server asks for; None when it does not."""
    value = {name.lower(): text for name, text in (error.headers or {}).items()}.get("retry-after", "")
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
