"""Several real worker processes on one port: exact metrics, deaths, stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from proxy.config.server import ProcessLog
from proxy.config.settings import Config
from proxy.segments.lines import Line, OpenLine, SealLine, SegmentName
from proxy.segments.record import RequestLine
from tests.support.redis_server import redis_server
from tests.support.replay import Received, Replay, events, json_answer, replaying, stream_answer
from tests.support.running import PROVIDER_KEYS, Whole, lines, samples, settings, until
from tests.support.serving import WORKERS, Served, serving, started

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
PROMPT = "the secret prompt"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]}
STREAM = ASK | {"stream": True, "stream_options": {"include_usage": True}}
COMPLETION = "the secret completion"
CHUNK = {"choices": [{"delta": {"content": COMPLETION}}]}
FIRST, REST = events(CHUNK, done=False), events({"choices": [], "usage": USAGE})
MODELS = ["gpt-4o", "gpt-4o-mini", "o1", "llama-of-ada"]


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:

        def answer(received: Received) -> object:
            stream = received.json().get("stream")
            return stream_answer(FIRST + REST, cut=30) if stream else json_answer({"usage": USAGE})

        provider.default = answer  # type: ignore[assignment]
        yield provider


@pytest.fixture
def config(tmp_path: Path, provider: Replay) -> Config:
    return settings(tmp_path, provider.url, **WORKERS)


async def load(served: Served, count: int) -> list[Whole]:
    """Sends requests for several models; a third of them are streams."""

    async def client(first: int) -> list[Whole]:
        asks = [ASK | {"model": MODELS[n % 4], "stream": n % 3 == 0} for n in range(first, count, 8)]
        return [await served.relay.post(CHAT, ask) for ask in asks]

    return [whole for some in await asyncio.gather(*map(client, range(8))) for whole in some]


def by_writer(found: list[Line]) -> dict[str, list[Line]]:
    """The lines of each process."""
    writers: dict[str, list[Line]] = {}
    for line in found:
        if isinstance(line, OpenLine):
            mine = writers.setdefault(line.writer, [])
        mine.append(line)
    return writers


async def test_every_worker_returns_the_metrics_of_all(config: Config) -> None:
    config = config.model_copy(update={"log": ProcessLog(format="json", level="debug")})
    async with serving(config, PROXY_MASTER_KEY="master-secret") as served:
        answers = await load(served, 120)
        records = served.relay.records()
        assert {record.request_id for record in records} == {answer.request_id for answer in answers}
        assert len(records) == 120
        assert len(by_writer(served.relay.lines())) == 2
        assert served.threads() == 1, "a process with threads cannot be forked safely"
        for text in {(await served.relay.get("/metrics")).body.decode() for _ in range(8)}:
            assert_sums(text, records)
        for path in ("/healthz", "/readyz"):
            assert {(await served.relay.get(path)).status for _ in range(4)} == {200}
        assert await served.stop() == 0
        said = served.said()
    logged = [json.loads(line) for line in said.splitlines()]
    assert [line.get("worker") for line in logged if "serves on" in line["message"]] == [None]
    assert sorted(line["worker"] for line in logged if "stopping" in line["message"]) == [1, 2]
    for secret in (PROMPT, COMPLETION, served.relay.key, "master-secret", *PROVIDER_KEYS.values()):
        assert secret not in said
    assert not list(config.logs.dir.glob("*.open"))


def assert_sums(text: str, records: list[RequestLine]) -> None:
    def metric(name: str, **labels: str) -> Decimal:
        return sum((value for _, value in samples(text, name, labels)), Decimal(0))

    for model in ("gpt-4o", "gpt-4o-mini", "o1"):
        mine = [record for record in records if record.model == model]
        assert metric("relay_requests_total", model=model, status="200") == len(mine) > 0
        assert metric("relay_request_duration_seconds_count", model=model) == len(mine)
        tokens = sum(record.completion_tokens for record in mine)
        assert metric("relay_tokens_total", model=model, type="completion") == tokens
    assert metric("relay_requests_total", model="other", status="404") == 30
    assert metric("relay_requests_total") == metric("relay_log_records_total") == len(records)
    assert metric("relay_active_requests") == 0


async def test_workers_share_a_redis_limit_and_hide_its_password(tmp_path: Path, provider: Replay) -> None:
    with redis_server("--requirepass", "redis-secret") as url:
        secret = url.replace("//", "//:redis-secret@")
        limits = {"backend": "redis", "redis_url": secret, "defaults": {"rpm": 2}}
        config = settings(tmp_path, provider.url, server={"workers": 2}, limits=limits)
        async with serving(config, RELAY_LIMITS__REDIS_URL=secret) as served:
            answers = await load(served, 24)
            assert await served.stop() == 0
            assert "redis-secret" not in served.said()
    assert len(by_writer(served.relay.lines())) == 2
    assert Counter(answer.status for answer in answers) == {200: 2, 429: 16, 404: 6}


async def test_worker_killed_under_load_is_replaced_without_losses(
    config: Config,
) -> None:
    whole: list[str] = []
    counted: list[Decimal] = []
    async with serving(config) as served:
        ended = asyncio.Event()

        async def client(number: int) -> None:
            while not ended.is_set():
                try:
                    answer = await served.relay.post(CHAT, ASK | {"stream": bool(number % 2)})
                    whole.append(answer.request_id)
                    if number == 0:
                        counted.append(await served.relay.metric("relay_requests_total"))
                except aiohttp.ClientError:
                    continue

        clients = [asyncio.create_task(client(number)) for number in range(6)]
        await until(lambda: len(whole) > 60, 20)
        killed, living = served.workers()
        os.kill(killed, signal.SIGKILL)
        await until(lambda: "starts again" in served.said(), 20)
        await until(lambda: len(writers(config.logs.dir)) == 3, 20)  # the new one has recorded requests too
        so_far = len(whole)
        await until(lambda: len(whole) > so_far + 60, 20)
        ended.set()
        await asyncio.gather(*clients)
        assert living in served.workers()
        assert killed not in served.workers()
        assert len(served.workers()) == 2
        total = await served.relay.metric("relay_requests_total")
        assert await served.relay.metric("relay_active_requests") == 0
        assert await served.stop() == 0
        assert "worker 1 was killed by SIGKILL" in served.said()
    records = [record.request_id for record in served.relay.records()]
    assert counted == sorted(counted)
    assert len(set(records)) == len(records)
    assert set(whole) <= set(records)
    # A request that was recorded and not yet answered when its worker died may be missing, no other.
    assert len(whole) <= total <= len(records)
    assert_sealed(config.logs.dir, recovered=f"-{killed}-")


def assert_sealed(directory: Path, *, recovered: str) -> None:
    """Every segment is sealed, all but one by their own writer; no line is missing."""
    assert not list(directory.glob("*.open"))
    writers = by_writer(lines(directory))
    assert len(writers) == 3
    for name, found in writers.items():
        assert [line.seq for line in found] == list(range(1, len(found) + 1))
        seals = [line for line in found if isinstance(line, SealLine)]
        assert any(seal.recovered for seal in seals) == (recovered in name)


async def test_stop_drains_streams_and_a_stopped_worker_is_replaced(config: Config, provider: Replay) -> None:
    half = asyncio.Event()
    async with serving(config) as served:
        before = served.workers()
        os.kill(before[0], signal.SIGTERM)
        await until(lambda: "worker 1 ended" in served.said(), 20)
        assert (await served.relay.post(CHAT, ASK)).status == 200
        await until(lambda: len(served.workers()) == 2, 20)
        provider.will(stream_answer([FIRST, half, REST]))
        async with served.relay.open(CHAT, STREAM) as answer:
            assert await answer.content.readexactly(len(FIRST)) == FIRST
            served.process.send_signal(signal.SIGTERM)
            # The new worker logs it too, if it is already serving.
            await until(lambda: served.said().count("stopping") >= 2, 20)
            await until_refused(served)
            half.set()
            assert await answer.read() == REST
        assert await served.process.wait() == 0
    assert [record.status for record in served.relay.records()] == [200, 200]
    assert all(not seal.recovered for seal in served.relay.seals())
    assert not list(config.logs.dir.glob("*.open"))


def writers(directory: Path) -> set[str]:
    """The writers of all segments."""
    names = (SegmentName.parse(path.name) for path in directory.glob("usage-*"))
    return {name.writer for name in names if name}


async def until_refused(served: Served) -> None:
    """Returns when connections to the port are refused."""
    async with asyncio.timeout(20):
        while True:
            try:
                await served.relay.get("/healthz")
            except aiohttp.ClientConnectorError:
                return
            except aiohttp.ClientError:
                continue


async def test_workers_shut_down_cleanly_if_the_parent_is_killed(config: Config, provider: Replay) -> None:
    half = asyncio.Event()
    async with serving(config) as served:
        workers = served.workers()
        provider.will(stream_answer([FIRST, half, REST]))
        async with served.relay.open(CHAT, STREAM) as answer:
            assert await answer.content.readexactly(len(FIRST)) == FIRST
            served.process.kill()
            await until(lambda: served.said().count("stopping") == 2, 20)
            half.set()
            assert await answer.read() == REST
        await until(lambda: not any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers), 20)
    assert [record.status for record in served.relay.records()] == [200]
    assert [seal.recovered for seal in served.relay.seals()] == [False]
    assert not list(config.logs.dir.glob("*.open"))


async def test_failed_restart_is_logged_and_other_workers_serve(config: Config) -> None:
    async with serving(config) as served:
        good = config.keys.file.read_text()
        config.keys.file.write_text("[")
        os.kill(served.workers()[0], signal.SIGKILL)
        await until(lambda: "worker 1 starts again in 0.5 s" in served.said(), 20)
        assert f"{config.keys.file} is not a file of Relay keys" in served.said()
        assert (await served.relay.post(CHAT, ASK)).status == 200
        config.keys.file.write_text(good)
        await until(lambda: len(served.workers()) == 2, 20)
        assert await served.stop() == 0
        assert "Traceback" not in served.said()


async def test_failed_start_ends_the_service_with_one_sentence(config: Config) -> None:
    async with serving(config) as first:
        port = int(first.relay.url.rpartition(":")[2])
        taken = config.model_copy(update={"server": config.server.model_copy(update={"port": port})})
        assert await refused(taken) == (
            f"relayctl: cannot listen on 127.0.0.1:{port}: address already in use; set server.port\n"
        )
    config.keys.file.write_text("[")
    said = await refused(config)
    assert said.startswith(f"relayctl: {config.keys.file} is not a file of Relay keys: ")


async def refused(config: Config) -> str:
    """The error message of a service that does not start."""
    process, log = await started(config, {})
    assert await process.wait() == 1
    said = log.read_text()
    assert "Traceback" not in said
    (sentence,) = (line for line in said.splitlines(keepends=True) if line.startswith("relayctl"))
    return sentence
