"""The admin endpoints: authentication, and which requests are refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from etl.errors import DatabaseError
from relayctl.reports.query import Answer, Latencies, Records, ReportQuery, Source
from relayctl.serve.admin_api import admin_routes

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
KEY = "master-ключ"  # not ASCII on purpose
PATHS = ("/internal/usage", "/internal/usage/leaderboard")


@dataclass
class RecordingSource:
    """Returns no rows; records the query and its thread."""

    query: ReportQuery | None = None
    thread: threading.Thread | None = None

    def answer(self, query: ReportQuery) -> Answer:
        self.query, self.thread = query, threading.current_thread()
        return Answer(rows=[], as_of=None)

    def latencies(self, query: ReportQuery) -> Latencies:
        return Latencies(rows=[])

    @contextmanager
    def opened(self, query: ReportQuery) -> Iterator[Records]:
        yield self


class DownSource:
    """A database that is down."""

    def answer(self, query: ReportQuery) -> Answer:
        raise DatabaseError("PostgreSQL at db:5432/relay cannot be reached: connection refused")

    def opened(self, query: ReportQuery) -> AbstractContextManager[Records]:
        raise DatabaseError("PostgreSQL at db:5432/relay cannot be reached: connection refused")


async def asked(
    path: str,
    source: Callable[[], Source] = RecordingSource,
    *,
    key: str | None = KEY,
    given: str | None = KEY,
) -> tuple[int, Any]:
    app = web.Application()
    app.add_routes(admin_routes(source, key, lambda: NOW))
    headers = {} if given is None else {"Authorization": f"Bearer {given}"}
    async with TestClient(TestServer(app)) as client, client.get(path, headers=headers) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("key", "given"),
    [
        (KEY, None),
        (KEY, ""),
        (KEY, "wrong"),
        (KEY, KEY + " "[:0] + "x"),
        (None, "anything"),  # no key configured: nobody gets in
        (None, ""),
        ("", ""),
    ],
)
async def test_requests_without_the_master_key_are_refused(
    path: str, key: str | None, given: str | None
) -> None:
    status, body = await asked(path, key=key, given=given)
    assert status == 401
    assert set(body) == {"error"}


@pytest.mark.parametrize("path", PATHS)
async def test_the_master_key_gets_an_answer(path: str) -> None:
    status, body = await asked(path)
    assert status == 200
    assert body["rows"] == []
    assert body["range"] == {
        "since": "2026-10-27T12:00:00Z",
        "until": "2026-11-03T12:00:00Z",
        "tz": "UTC",
    }


async def test_parameters_become_the_query() -> None:
    source = RecordingSource()
    query = (
        "?user_id=ada&user_id=bob&team_id=search&model=gpt-5&provider=openai&key_id=k1&endpoint=/v1/messages"
        "&since=2026-11-01&until=2026-11-02&granularity=hour&group_by=provider&group_by=user&tz=Asia/Tokyo"
    )
    status, _ = await asked(f"/internal/usage{query}", lambda: source)
    assert status == 200
    report_query = source.query
    assert report_query is not None
    assert report_query.filters.values == {
        "user": ("ada", "bob"),
        "team": ("search",),
        "model": ("gpt-5",),
        "provider": ("openai",),
        "key": ("k1",),
        "endpoint": ("/v1/messages",),
    }
    assert report_query.group_by == ("user", "provider")
    assert report_query.period.since == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert len(report_query.buckets) == 24


async def test_the_database_is_queried_outside_the_event_loop() -> None:
    source = RecordingSource()
    await asked("/internal/usage", lambda: source)
    assert source.thread is not threading.main_thread()


@pytest.mark.parametrize(
    ("path", "parameter", "right"),
    [
        ("/internal/usage?since=gestern", "since", "yesterday"),
        ("/internal/usage?until=2020-01-01&since=2021-01-01", "until", "before since"),
        ("/internal/usage?tz=Mars", "tz", "IANA"),
        ("/internal/usage?granularity=year", "granularity", "hour, day, week, month"),
        ("/internal/usage?granularity=hour&since=1990-01-01", "granularity", "coarser"),
        ("/internal/usage?group_by=status", "group_by", "user, team, model, provider, key, endpoint"),
        ("/internal/usage?groupby=user", "groupby", "group_by"),  # an unknown one would be ignored silently
        ("/internal/usage?tz=UTC&tz=UTC", "tz", "more than once"),
        ("/internal/usage/leaderboard?dimension=status", "dimension", "user, team, model, provider, key"),
        ("/internal/usage/leaderboard?metric=beauty", "metric", "tokens, cost"),
        ("/internal/usage/leaderboard?limit=1001", "limit", "between 1 and 1000"),
        ("/internal/usage/leaderboard?limit=-1", "limit", "whole number"),
        ("/internal/usage/leaderboard?limit=٣", "limit", "whole number"),
        ("/internal/usage/leaderboard?user_id=ada", "user_id", "unknown"),
    ],
)
async def test_a_wrong_parameter_is_named_with_what_would_be_right(
    path: str, parameter: str, right: str
) -> None:
    status, body = await asked(path)
    assert status == 400
    assert body["error"]["param"] == parameter
    assert right in body["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_database_that_is_down_is_a_503_with_a_sentence(path: str) -> None:
    status, body = await asked(path, DownSource)
    assert status == 503
    assert "cannot be reached" in body["error"]["message"]
