"""What an answer of Langfuse, or none, says for certain about the spans that were sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

import httpx
from langfuse.api.core.api_error import ApiError
from pydantic import ValidationError

_MAX_REASON: Final = 200
# Of these a connection was never made, so nothing can have been stored.
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
BROKEN: Final = (httpx.HTTPError, httpx.InvalidURL, ValidationError)
"""What the client raises where there was no answer, or none of Langfuse's."""


class Fate(Enum):
    """What is certain about the spans of one request."""

    ACCEPTED = "taken by the server"
    REFUSED = "all refused: one of them, or their size, is wrong"
    NOT_SENT = "none of them reached the server, or it asked to wait"
    UNKNOWN = "perhaps stored, perhaps not"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The fate of a request's spans, why, and how many seconds the server wants to be left alone."""

    fate: Fate
    reason: str = ""
    retry_after: float | None = None


def judged(error: ApiError) -> Answer:
    """What an answer that is not success says of the spans that were sent."""
    status = error.status_code or 0
    reason = f"answered {status}"
    if status == 429:
        return Answer(fate=Fate.NOT_SENT, reason=reason, retry_after=retry_after(error))
    if status >= 500 or status == 408 or status < 300:
        return Answer(fate=Fate.UNKNOWN, reason=reason)
    return Answer(fate=Fate.REFUSED, reason=f"Langfuse {reason}{message(error)}")


def broken(error: Exception) -> Answer:
    """What it says of them that there was no answer."""
    if isinstance(error, _NEVER_SENT):
        return Answer(fate=Fate.NOT_SENT, reason=f"cannot be reached: {said(error)}")
    return Answer(fate=Fate.UNKNOWN, reason=f"did not answer: {said(error)}")


def said(error: Exception) -> str:
    """What the library says, in one line; of a body it could not understand nothing is quoted."""
    if isinstance(error, ValidationError):
        return "its answer is not one of Langfuse's"
    return (str(error) or type(error).__name__).splitlines()[0][:_MAX_REASON]


def message(error: ApiError) -> str:
    """The server's own words where it has some; whoever stores them must know they may quote a span."""
    body = error.body if isinstance(error.body, dict) else {}
    text = body.get("message") or body.get("error") or ""
    return f": {' '.join(text.split())[:_MAX_REASON]}" if isinstance(text, str) and text else ""


def retry_after(error: ApiError) -> float | None:
    """The seconds that the server wants to be left alone; None when it does not say."""
    value = {name.lower(): text for name, text in (error.headers or {}).items()}.get("retry-after", "")
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
