"""Rate-limit headers and error messages in the form of each API."""

from __future__ import annotations

import pytest

from proxy.config.quota import Quota
from proxy.errors import Api
from proxy.limits.headers import LimitExceeded, go_duration, headers, retry_after
from proxy.limits.rules import DAY_MS, MINUTE_MS, Counters, Decision, ExceededLimit, Timestamp
from tests.support.limits_model import subject_of_key, subject_of_team

# 2024-10-04T06:00:00.250Z, a quarter of the day
NOW = 20_000 * DAY_MS + DAY_MS // 4 + 250


def decision(*rows: tuple[Quota, Counters]) -> Decision:
    subjects = [subject_of_key("ada", rows[0][0]), *(subject_of_team("engines", row[0]) for row in rows[1:])]
    return Decision(
        timestamp=Timestamp(ms=5, utc_ms=NOW),
        subjects=tuple(subjects),
        counters=tuple(row[1] for row in rows),
    )


DURATIONS = [
    (0, "0s"),
    (17, "17ms"),
    (1000, "1s"),
    (8640, "8.64s"),
    (60_000, "1m0s"),
    (360_001, "6m0.001s"),
    (3_723_500, "1h2m3.5s"),
    (DAY_MS, "24h0m0s"),
]


@pytest.mark.parametrize(("milliseconds", "text"), DURATIONS)
def test_durations_are_formatted_as_by_openai(milliseconds: int, text: str) -> None:
    assert go_duration(milliseconds) == text


HEADERS: list[tuple[Api, Decision, dict[str, str]]] = [
    (
        "openai",
        decision((Quota(rpm=10, tpm=1000), Counters(request_ms=MINUTE_MS, token_ms=0, reserved_tokens=250))),
        {
            "x-ratelimit-limit-requests": "10",
            "x-ratelimit-remaining-requests": "9",
            "x-ratelimit-reset-requests": "6s",
            "x-ratelimit-limit-tokens": "1000",
            "x-ratelimit-remaining-tokens": "750",
            "x-ratelimit-reset-tokens": "15s",
        },
    ),
    # A reset within a second is rounded up to the next one.
    (
        "anthropic",
        decision((Quota(rpm=10, tpm=1000), Counters(request_ms=MINUTE_MS, token_ms=0, reserved_tokens=250))),
        {
            "anthropic-ratelimit-requests-limit": "10",
            "anthropic-ratelimit-requests-remaining": "9",
            "anthropic-ratelimit-requests-reset": "2024-10-04T06:00:07Z",
            "anthropic-ratelimit-tokens-limit": "1000",
            "anthropic-ratelimit-tokens-remaining": "750",
            "anthropic-ratelimit-tokens-reset": "2024-10-04T06:00:16Z",
        },
    ),
    # The tightest of key and team; a fraction and a negative remainder become 0.
    (
        "openai",
        decision(
            (Quota(rpm=10), Counters(request_ms=MINUTE_MS)),
            (Quota(rpm=2, tpm=60), Counters(request_ms=MINUTE_MS + 1, token_ms=61 * MINUTE_MS)),
        ),
        {
            "x-ratelimit-limit-requests": "2",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "30.001s",
            "x-ratelimit-limit-tokens": "60",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "1m1s",
        },
    ),
    # The daily limit is shown when less of it remains than of the limit per minute.
    (
        "openai",
        decision((Quota(tpm=1000, tokens_per_day=5000), Counters(day_tokens=4900))),
        {
            "x-ratelimit-limit-tokens": "5000",
            "x-ratelimit-remaining-tokens": "100",
            "x-ratelimit-reset-tokens": "17h59m59.75s",
        },
    ),
    ("anthropic", decision((Quota(concurrency=1), Counters(in_flight=1))), {}),
]


@pytest.mark.parametrize(("api", "decided", "expected"), HEADERS)
def test_headers_show_the_tightest_limit_of_each_kind(
    api: Api, decided: Decision, expected: dict[str, str]
) -> None:
    assert headers(api, decided) == expected


KEY = subject_of_key("key_1", Quota(rpm=1))
TEAM = subject_of_team("engines", Quota(rpm=1))
OVER_CAPACITY = (
    "this request alone may use more than the limit of this Relay key on tokens per minute (tpm); "
    "shorten it or lower its max_tokens"
)
REFUSALS: list[tuple[ExceededLimit, str, str | None, str]] = [
    (
        ExceededLimit(limit_type="rpm", subject=KEY, wait_ms=8001),
        "9",
        None,
        "the limit of this Relay key on requests per minute (rpm) is reached; try again in 9 s",
    ),
    # A client should not retry after hours.
    (
        ExceededLimit(limit_type="usd_per_day", subject=TEAM, wait_ms=3_600_000),
        "3600",
        "false",
        "the limit of the team 'engines' on USD per day (UTC) (usd_per_day) is reached; try again in 3600 s",
    ),
    (
        ExceededLimit(limit_type="tpm", subject=KEY, wait_ms=1, over_capacity=True),
        "1",
        "false",
        OVER_CAPACITY,
    ),
]


@pytest.mark.parametrize(("exceeded", "seconds", "should_retry", "sentence"), REFUSALS)
def test_refusal_has_retry_headers_and_a_message(
    exceeded: ExceededLimit, seconds: str, should_retry: str | None, sentence: str
) -> None:
    refusal = LimitExceeded("openai", decision((Quota(rpm=1), Counters(request_ms=MINUTE_MS))), exceeded)
    assert (refusal.status, refusal.code, refusal.limit_type) == (
        429,
        "rate_limit_exceeded",
        exceeded.limit_type,
    )
    assert refusal.headers["Retry-After"] == seconds == str(retry_after(exceeded))
    assert refusal.headers.get("x-should-retry") == should_retry
    assert refusal.headers["x-ratelimit-remaining-requests"] == "0"
    assert refusal.message == sentence
