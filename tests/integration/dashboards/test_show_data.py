"""Every panel's query, run: a Prometheus scrapes the proxy under traffic, the ETL loads a PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path

import psycopg
import pytest

from etl.database import connection as database
from etl.load import metrics, run
from proxy.request import keys
from proxy.request.keys import KeyLimits
from relayctl.alerts import budgets
from relayctl.alerts.budgets import Budget
from relayctl.sources.postgres import PostgresSource
from tests.support.etl.segments import SegmentWriter
from tests.support.etl.segments import records as any_records
from tests.support.monitoring import grafana
from tests.support.monitoring.grafana import Query
from tests.support.monitoring.servers import prometheus_server, query
from tests.support.replay import BREAK, Answer, Received, Replay, events, json_answer, stream_answer
from tests.support.running import Relay, running, settings
from tests.support.text_server import text_server

CHAT = "/v1/chat/completions"
PROMQL = [one for one in grafana.queries() if one.source == "prometheus"]
SQL = [one for one in grafana.queries() if one.source == "postgres"]
Variables = dict[str, list[str]]
USAGE = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}


def _answer(received: Received) -> Answer:
    """A stream for who asks for one, a broken connection for `gpt-4`, else a whole answer."""
    body = received.json()
    if body["model"] == "gpt-4":
        return Answer(before=(BREAK,))
    if body.get("stream"):
        chunk = {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "hello"}}]}
        return stream_answer(events(chunk, {"model": "gpt-4o", "choices": [], "usage": USAGE}))
    return json_answer({"model": body["model"], "choices": [], "usage": USAGE})


async def _traffic(relay: Relay, limited: str) -> None:
    """One request of each kind that a panel is about."""
    message = {"role": "user", "content": "write to ada@example.org"}
    for more in ({}, {"stream": True}, {"model": "gpt-nobody-knows"}, {"model": "gpt-4"}):
        await relay.post(CHAT, {"model": "gpt-4o", "messages": [message], **more})
    for _ in range(2):
        body = {"model": "gpt-4o", "messages": [message]}
        await relay.post(CHAT, body, {"Authorization": f"Bearer {limited}"})


def _load(url: str, logs: Path, texts: Path) -> None:
    """What the hourly run does: load, and write the metrics of the ETL and of a budget."""
    lost = SegmentWriter(logs)
    lost.segment(*any_records(3), b'{"v":1}\n')
    lost.skip(lines=5)
    lost.segment(*any_records(2, start=9))
    assert run.run(url, logs).rejected == 1
    metrics.write(url, logs, texts / "etl.prom")
    budget = Budget(name="engines", team="engines", period="month", tokens=10_000)
    report = budgets.evaluate(PostgresSource(url=url), [budget], datetime.now(UTC))
    budgets.write_metrics(report.usages, texts / "budgets.prom")


def _empty(url: str, asked: Sequence[Query]) -> list[str]:
    return [str(one) for one in asked if not query(url, grafana.promql(one.text, interval="5s"))]


def _sql(
    connection: psycopg.Connection, one: Query, variables: dict[str, list[str]]
) -> list[tuple[object, ...]]:
    now = datetime.now(UTC)
    text = grafana.sql(one.text, now - timedelta(days=30), now + timedelta(minutes=1), variables)
    return connection.execute(text.encode()).fetchall()


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    directory = tmp_path / "texts"
    directory.mkdir()
    return directory


async def test_panels_show_data_under_traffic_and_ratios_work_without(
    tmp_path: Path, texts: Path, provider: Replay, migrated_url: str
) -> None:
    provider.default = _answer
    config = settings(tmp_path, provider.url, logs={"rotate_seconds": 1}, pii={"enabled": True})
    limited = keys.issue(config.keys.file, user="bob", team="ads", limits=KeyLimits(rpm=1))
    async with running(config) as relay:
        with text_server(texts) as etl:
            jobs = {"relay": [relay.url.removeprefix("http://")], "relay-etl": [etl]}
            with prometheus_server(tmp_path / "prometheus", jobs=jobs) as url:
                await asyncio.to_thread(_wait, lambda: query(url, 'up{job="relay"} == 1'))
                await asyncio.to_thread(_check_ratios, url)
                for _ in range(4):
                    await _traffic(relay, limited)
                    await asyncio.sleep(1)
                await asyncio.to_thread(_load, migrated_url, config.logs.dir, texts)
                await _traffic(relay, limited)
                # Rates want two scrapes of each series.
                await asyncio.to_thread(_wait, lambda: not _empty(url, PROMQL))
    _check_sql(migrated_url)


def _wait(done: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not done():
        assert time.monotonic() < until
        time.sleep(0.2)


def _check_ratios(url: str) -> None:
    ratios = [one for one in PROMQL if " / " in one.text.replace("\n", " ")]
    assert len(ratios) >= 3
    for one in ratios:
        (found,) = query(url, grafana.promql(one.text, interval="5s"))
        assert isfinite(float(found["value"][1])), str(one)


def _check_sql(url: str) -> None:
    with database.connect(url) as connection:
        variables = {
            variable["name"]: [row[0] for row in connection.execute(variable["query"].encode())]
            for dashboard in grafana.dashboards()
            for variable in dashboard["templating"]["list"]
            if variable["type"] == "query"
        }
        assert {"ads", "engines"} <= set(variables["team"])
        for one in SQL:
            rows = _sql(connection, one, variables)
            assert rows, str(one)
            assert any(value is not None for row in rows for value in row), str(one)
        narrowed = [one for one in SQL if one.panel["title"] == "Teams"]
        assert [row[0] for row in _sql(connection, narrowed[0], variables | {"team": ["ads"]})] == ["ads"]
