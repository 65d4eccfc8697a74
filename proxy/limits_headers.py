"""What a client is told of its limits, in the headers and words of the API that it speaks; pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from proxy.errors import Api, Refusal
from proxy.limits import MINUTE_MS, Decision, Exceeded, LimitType, Moment, Standing, Subject

_PARTS: Final = ("limit", "remaining", "reset")
_KINDS: Final = ("requests", "tokens")
_NAMES: Final[dict[Api, tuple[tuple[str, ...], ...]]] = {
    "openai": tuple(tuple(f"x-ratelimit-{part}-{kind}" for part in _PARTS) for kind in _KINDS),
    "anthropic": tuple(tuple(f"anthropic-ratelimit-{kind}-{part}" for part in _PARTS) for kind in _KINDS),
}
# Clients wait as long as `Retry-After` says up to a minute; longer, trying again is no use to them.
_WORTH_WAITING_MS: Final = MINUTE_MS


class Window(NamedTuple):
    """How much of one limit is left, and in how many milliseconds all is; the least is the tightest."""

    remaining: int
    reset_ms: int
    limit: int


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
    for names, windows in zip(_NAMES[api], (_requests(decision), _tokens(decision)), strict=True):
        if windows:
            tightest = min(windows)
            found[names[0]] = str(tightest.limit)
            found[names[1]] = str(tightest.remaining)
            found[names[2]] = _reset_text(api, decision.moment, tightest)
    return found


def _reset_text(api: Api, moment: Moment, window: Window) -> str:
    if api == "openai":
        return go_duration(window.reset_ms)
    # Clients may come back at this second: it is the first when all is there again.
    seconds = -(-(moment.utc_ms + window.reset_ms) // 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def go_duration(milliseconds: int) -> str:
    """A duration as OpenAI writes it: `0s`, `17ms`, `8.64s`, `6m0s`, `1h2m3.5s`."""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, ms = divmod(milliseconds, MINUTE_MS)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _requests(decision: Decision) -> list[Window]:
    return [
        _per_minute(rpm, standing.request_ms)
        for subject, standing in _pairs(decision)
        if (rpm := subject.quota.rpm) is not None
    ]


def _tokens(decision: Decision) -> list[Window]:
    found = []
    for subject, standing in _pairs(decision):
        if (tpm := subject.quota.tpm) is not None:
            found.append(_per_minute(tpm, standing.tpm_ms))
        if (limit := subject.quota.tokens_per_day) is not None:
            left = max(0, limit - standing.day_tokens)
            found.append(Window(remaining=left, reset_ms=decision.moment.ms_to_midnight, limit=limit))
    return found


def _pairs(decision: Decision) -> Iterator[tuple[Subject, Standing]]:
    return zip(decision.subjects, decision.standings, strict=True)


def _per_minute(limit: int, level_ms: int) -> Window:
    left = max(0, limit * MINUTE_MS - level_ms) // MINUTE_MS
    return Window(remaining=left, reset_ms=-(-level_ms // limit), limit=limit)


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
