"""What a client is told of its limits, in the headers and words of the API that it speaks; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from proxy.errors import Api, Refusal
from proxy.limits.rules import MINUTE_MS, Decision, Exceeded, LimitType, Moment

_PARTS: Final = ("limit", "remaining", "reset")
_KINDS: Final = ("requests", "tokens")
_NAMES: Final[dict[Api, tuple[tuple[str, ...], ...]]] = {
    "openai": tuple(tuple(f"x-ratelimit-{part}-{kind}" for part in _PARTS) for kind in _KINDS),
    "anthropic": tuple(tuple(f"anthropic-ratelimit-{kind}-{part}" for part in _PARTS) for kind in _KINDS),
}
# Clients wait as long as `Retry-After` says up to a minute; longer, trying again is no use to them.
_WORTH_WAITING_MS: Final = MINUTE_MS


# How much of one limit is left, in how many milliseconds all is, and the limit; the least is the tightest.
_Window = tuple[int, int, int]


class LimitExceeded(Refusal):
    """A request that does not fit in its limits: 429, with the limit's type and the API's own headers."""

    def __init__(self, api: Api, decision: Decision, over: Exceeded) -> None:
        super().__init__(429, "rate_limit_exceeded", _sentence(over))
        self.limit_type = over.limit_type
        self.headers = headers(api, decision) | {"Retry-After": str(retry_after(over))}
        if over.hopeless or over.wait_ms > _WORTH_WAITING_MS:
            self.headers["x-should-retry"] = "false"


def retry_after(over: Exceeded) -> int:
    """Whole seconds until the request may fit, rounded up."""
    return -(-over.wait_ms // 1000)


def headers(api: Api, decision: Decision) -> dict[str, str]:
    """The headers of an API about requests and tokens: of all limits in force, the tightest of each kind."""
    found: dict[str, str] = {}
    for (limit, left, reset), window in zip(_NAMES[api], _tightest(decision), strict=True):
        if window is not None:
            remaining, reset_ms, most = window
            found[limit] = str(most)
            found[left] = str(remaining)
            found[reset] = _reset_text(api, decision.moment, reset_ms)
    return found


def _reset_text(api: Api, moment: Moment, reset_ms: int) -> str:
    if api == "openai":
        return go_duration(reset_ms)
    # Clients may come back at this second: it is the first when all is there again.
    seconds = -(-(moment.utc_ms + reset_ms) // 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def go_duration(milliseconds: int) -> str:
    """A duration as OpenAI writes it: `0s`, `17ms`, `8.64s`, `6m0s`, `1h2m3.5s`."""
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, ms = divmod(milliseconds, MINUTE_MS)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _tightest(decision: Decision) -> tuple[_Window | None, _Window | None]:
    """Of all subjects' limits, the tightest on requests and the tightest on tokens."""
    requests = tokens = None
    for subject, standing in zip(decision.subjects, decision.standings, strict=True):
        quota = subject.quota
        if quota.rpm is not None:
            window = _per_minute(quota.rpm, standing.request_ms)
            requests = window if requests is None else min(requests, window)
        if quota.tpm is not None:
            window = _per_minute(quota.tpm, standing.tpm_ms)
            tokens = window if tokens is None else min(tokens, window)
        if (limit := quota.tokens_per_day) is not None:
            window = max(0, limit - standing.day_tokens), decision.moment.ms_to_midnight, limit
            tokens = window if tokens is None else min(tokens, window)
    return requests, tokens


def _per_minute(limit: int, level_ms: int) -> _Window:
    left = max(0, limit * MINUTE_MS - level_ms) // MINUTE_MS
    return left, -(-level_ms // limit), limit


_WHAT: Final[dict[LimitType, str]] = {
    "rpm": "requests per minute",
    "tpm": "tokens per minute",
    "concurrency": "requests at the same time",
    "tokens_per_day": "tokens per day (UTC)",
    "usd_per_day": "USD per day (UTC)",
}


def _sentence(over: Exceeded) -> str:
    whose = "this Relay key" if over.subject.kind == "key" else f"the team '{over.subject.id}'"
    limit = f"the limit of {whose} on {_WHAT[over.limit_type]} ({over.limit_type})"
    if over.hopeless:
        return f"this request alone may use more than {limit}; shorten it or lower its max_tokens"
    return f"{limit} is reached; try again in {retry_after(over)} s"
