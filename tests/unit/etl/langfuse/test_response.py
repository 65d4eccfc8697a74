"""What is certain after an answer, or after none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from langfuse.api.core.api_error import ApiError

from etl.errors import LangfuseRefusedError
from etl.langfuse.connection import CLOUD, Credentials, RateLimiter, StoppedError
from etl.langfuse.response import Outcome, from_api_error, from_transport_error, retry_after

STATUSES = [
    (400, Outcome.REFUSED),
    (413, Outcome.REFUSED),
    (422, Outcome.REFUSED),
    (429, Outcome.NOT_SENT),
    # the server, or a proxy before it, may have passed the request on
    (408, Outcome.UNKNOWN),
    (500, Outcome.UNKNOWN),
    (502, Outcome.UNKNOWN),
    (503, Outcome.UNKNOWN),
    # not what Langfuse answers: perhaps somebody's log-in page
    (200, Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("status", "outcome"), STATUSES)
def test_a_status_decides_what_became_of_the_spans(status: int, outcome: Outcome) -> None:
    assert from_api_error(ApiError(status_code=status, body={})).outcome is outcome


FAILURES = [
    (httpx.ConnectError("connection refused"), Outcome.NOT_SENT),
    (httpx.ConnectTimeout("timed out"), Outcome.NOT_SENT),
    (httpx.ReadTimeout("timed out"), Outcome.UNKNOWN),
    (httpx.WriteError("from_transport_error pipe"), Outcome.UNKNOWN),
    (httpx.RemoteProtocolError("disconnected"), Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("error", "outcome"), FAILURES, ids=lambda value: type(value).__name__)
def test_only_what_never_had_a_connection_is_certainly_not_sent(error: Exception, outcome: Outcome) -> None:
    assert from_transport_error(error).outcome is outcome


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after(ApiError(headers={"Retry-After": "7"})) == 7
    dated = retry_after(ApiError(headers={"retry-after": soon}))
    assert dated is not None
    assert 60 < dated <= 90
    assert retry_after(ApiError(headers={"retry-after": "soon"})) is None
    assert retry_after(ApiError(headers=None)) is None


KEYS = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}


def test_an_empty_host_is_the_cloud_and_a_secret_is_never_shown() -> None:
    found = Credentials.from_environ(KEYS | {"LANGFUSE_HOST": ""})
    assert found.base_url == CLOUD
    assert "sk" not in repr(found)
    assert (
        Credentials.from_environ(KEYS | {"LANGFUSE_HOST": "http://here:3000/"}).base_url == "http://here:3000"
    )


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY not set"),
        ({"LANGFUSE_PUBLIC_KEY": "pk"}, "LANGFUSE_SECRET_KEY not set"),
        (KEYS | {"LANGFUSE_HOST": "here"}, "must be a URL"),
    ],
)
def test_what_is_missing_is_named(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(LangfuseRefusedError, match=sentence):
        Credentials.from_environ(environ)


def test_a_pace_ends_every_wait_when_it_is_told_to_stop() -> None:
    limiter = RateLimiter(per_minute=1)
    limiter.acquire()
    limiter.stop.set()
    with pytest.raises(StoppedError):
        limiter.acquire()
