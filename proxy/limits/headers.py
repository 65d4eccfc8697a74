"""Rate-limit headers and error messages for the client, in the form of its API; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from proxy.errors import Api, Refusal
from proxy.limits.rules import MINUTE_MS, Decision, ExceededLimit, LimitType, Timestamp

_PARTS: Final = ("limit", "remaining", "reset")
_KINDS: Final = ("requests", "tokens")
_NAMES: Final[dict[Api, tuple[tuple[str, ...], ...]]] = {
    "openai": tuple(tuple(f"x-ratelimit-{part}-{kind}" for part in _PARTS) for kind in _KINDS),
    "anthropic": tuple(tuple(f"anthropic-ratelimit-{kind}-{part}" for part in _PARTS) for kind in _KINDS),
}
NAMES: Final = tuple(name for api in _NAMES.values() for names in api for name in names)
"""The headers of all APIs."""

# Clients honour a `Retry-After` of up to a minute; for a longer one they should not retry.
_MAX_RETRY_MS: Final = MINUTE_MS


# Remaining amount, milliseconds until all is available, and the limit; the smallest is the tightest.
_Window = tuple[int, int, int]


class LimitExceeded(Refusal):
    """A request exceeds a limit: 429, with the limit's type and the headers of the API."""

    def __init__(self, api: Api, decision: Decision, exceeded: ExceededLimit) -> None:
        super().__init__(429, "rate_limit_exceeded", _sentence(exceeded))
        self.limit_type = exceeded.limit_type
        self.headers = headers(api, decision) | {"Retry-After": str(retry_after(exceeded))}
        if exceeded.over_capacity or exceeded.wait_ms > _MAX_RETRY_MS:
            self.headers["x-should-retry"] = "false"


def retry_after(exceeded: ExceededLimit) -> int:
    """Return the seconds until the request may fit, rounded up."""
    return -(-exceeded.wait_ms // 1000)


def headers(api: Api, decision: Decision) -> dict[str, str]:
    """Return the headers on requests and tokens: the tightest limit of each kind."""
    found: dict[str, str] = {}
    for (limit, remaining, reset), window in zip(_NAMES[api], _tightest(decision), strict=True):
        if window is not None:
            left, reset_ms, most = window
            found[limit] = str(most)
            found[remaining] = str(left)
            found[reset] = _reset_text(api, decision.timestamp, reset_ms)
    return found


def _reset_text(api: Api, timestamp: Timestamp, reset_ms: int) -> str:
    if api == "openai":
        return go_duration(reset_ms)
    # Rounded up to the first whole second at which the whole limit is available.
    seconds = -(-(timestamp.utc_ms + reset_ms) // 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def go_duration(milliseconds: int) -> str:
    """Format a duration as OpenAI does: `0s`, `17ms`, `8.64s`, `6m0s`, `1h2m3.5s`."""
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, ms = divmod(milliseconds, MINUTE_MS)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _tightest(decision: Decision) -> tuple[_Window | None, _Window | None]:
    """Return the tightest limit on requests and the tightest on tokens, over all subjects."""
    requests = tokens = None
    for subject, current in zip(decision.subjects, decision.counters, strict=True):
        quota = subject.quota
        if quota.rpm is not None:
            window = _per_minute(quota.rpm, current.request_ms)
            requests = window if requests is None else min(requests, window)
        if quota.tpm is not None:
            window = _per_minute(quota.tpm, current.tpm_ms)
            tokens = window if tokens is None else min(tokens, window)
        if (limit := quota.tokens_per_day) is not None:
            window = max(0, limit - current.day_tokens), decision.timestamp.ms_to_midnight, limit
            tokens = window if tokens is None else min(tokens, window)
    return requests, tokens


def _per_minute(limit: int, level_ms: int) -> _Window:
    left = max(0, limit * MINUTE_MS - level_ms) // MINUTE_MS
    return left, -(-level_ms // limit), limit


_UNITS: Final[dict[LimitType, str]] = {
    "rpm": "requests per minute",
    "tpm": "tokens per minute",
    "concurrency": "requests at the same time",
    "tokens_per_day": "tokens per day (UTC)",
    "usd_per_day": "USD per day (UTC)",
}


def _sentence(exceeded: ExceededLimit) -> str:
    whose = "this Relay key" if exceeded.subject.kind == "key" else f"the team '{exceeded.subject.id}'"
    limit = f"the limit of {whose} on {_UNITS[exceeded.limit_type]} ({exceeded.limit_type})"
    if exceeded.over_capacity:
        return f"this request alone may use more than {limit}; shorten it or lower its max_tokens"
    return f"{limit} is reached; try again in {retry_after(exceeded)} s"
