"""What is certain after an answer, or after none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from langfuse.api.core.api_error import ApiError

from etl.errors import LangfuseRefusedError
from etl.langfuse.connection import CLOUD, Credentials, Pace, StoppedError
from etl.langfuse.response import Fate, broken, judged, retry_after

STATUSES = [
    (400, Fate.REFUSED),
    (413, Fate.REFUSED),
    (422, Fate.REFUSED),
    (429, Fate.NOT_SENT),
    # the server, or a proxy before it, may have passed the request on
    (408, Fate.UNKNOWN),
    (500, Fate.UNKNOWN),
    (502, Fate.UNKNOWN),
    (503, Fate.UNKNOWN),
    # not what Langfuse answers: perhaps somebody's log-in page
    (200, Fate.UNKNOWN),
]


@pytest.mark.parametrize(("status", "fate"), STATUSES)
def test_a_status_decides_what_became_of_the_spans(status: int, fate: Fate) -> None:
    assert judged(ApiError(status_code=status, body={})).fate is fate


FAILURES = [
    (httpx.ConnectError("connection refused"), Fate.NOT_SENT),
    (httpx.ConnectTimeout("timed out"), Fate.NOT_SENT),
    (httpx.ReadTimeout("timed out"), Fate.UNKNOWN),
    (httpx.WriteError("broken pipe"), Fate.UNKNOWN),
    (httpx.RemoteProtocolError("disconnected"), Fate.UNKNOWN),
]


@pytest.mark.parametrize(("error", "fate"), FAILURES, ids=lambda value: type(value).__name__)
def test_only_what_never_had_a_connection_is_certainly_not_sent(error: Exception, fate: Fate) -> None:
    assert broken(error).fate is fate


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
    found = Credentials.of(KEYS | {"LANGFUSE_HOST": ""})
    assert found.base_url == CLOUD
    assert "sk" not in repr(found)
    assert Credentials.of(KEYS | {"LANGFUSE_HOST": "http://here:3000/"}).base_url == "http://here:3000"


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
        Credentials.of(environ)


def test_a_pace_ends_every_wait_when_it_is_told_to_stop() -> None:
    pace = Pace(per_minute=1)
    pace.turn()
    pace.stop.set()
    with pytest.raises(StoppedError):
        pace.turn()
