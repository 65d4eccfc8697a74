"""Segments of the running proxy: written before the last byte, chained, and on a full disk."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.segments.lines import IntentLine, OpenLine, SealLine, Totals, parse_line, sealed_segments
from proxy.segments.record import RequestLine
from tests.support.replay import Replay, events, json_answer, replaying, stream_answer
from tests.support.running import lines, running, settings, until

CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": []}
STREAM = ASK | {"stream": True}
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
CONTENT = events({"choices": [{"delta": {"content": "hello"}}]}, done=False)
END = events({"choices": [], "usage": USAGE})
MODES = pytest.mark.parametrize("durability", ["strict", "batch", "os"])


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        provider.default = lambda received: (
            stream_answer([CONTENT, END]) if received.json().get("stream") else json_answer({"usage": USAGE})
        )
        yield provider


def check_segments(directory: Path) -> list[RequestLine]:
    """Proves each writer's segments from their bytes: seals, chain, line numbers; gives the records."""
    previous: dict[str, str] = {}
    seq: dict[str, int] = {}
    records: list[RequestLine] = []
    for path in sealed_segments(directory):
        raw = path.read_bytes()
        totals, found = Totals(), [parse_line(line) for line in raw.splitlines()]
        assert isinstance(found[0], OpenLine)
        assert isinstance(found[-1], SealLine)
        writer = found[0].writer
        assert (found[0].previous, found[0].segment) == (previous.get(writer), path.name)
        for line, text in zip(found, raw.splitlines(keepends=True), strict=True):
            seq[writer] = seq.get(writer, 0) + 1
            assert line.seq == seq[writer]
            if isinstance(line, SealLine):
                assert totals.differences(line) == []
            elif isinstance(line, RequestLine):
                totals.count(line)
                records.append(line)
            totals.intents += isinstance(line, IntentLine)
            totals.hash(text)
        previous[writer] = hashlib.sha256(raw).hexdigest()
    assert not list(directory.glob("*.open"))
    return records


@MODES
async def test_clean_shutdown_leaves_valid_sealed_segments(
    tmp_path: Path, provider: Replay, durability: str
) -> None:
    async with running(settings(tmp_path, provider.url, logs={"durability": durability})) as relay:
        await asyncio.gather(*(relay.post(CHAT, body) for body in [ASK, STREAM, b"{"] * 5))
        assert len(list(relay.config.logs.dir.iterdir())) == 1
    records = check_segments(relay.config.logs.dir)
    assert sorted(record.status for record in records) == [200] * 10 + [400] * 5


async def test_segments_are_sealed_by_size_and_chained(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, logs={"rotate_bytes": 3000})) as relay:
        for _ in range(10):
            await asyncio.gather(*(relay.post(CHAT, ASK) for _ in range(3)))
    records = check_segments(relay.config.logs.dir)
    sealed = sealed_segments(relay.config.logs.dir)
    assert len({record.request_id for record in records}) == 30
    assert len(sealed) >= 5
    assert all(path.stat().st_size < 3000 + 2000 for path in sealed)


async def test_segment_is_sealed_by_time_without_another_request(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, logs={"rotate_seconds": 0.05})) as relay:
        for number in (1, 2):
            await relay.post(CHAT, ASK)
            await until(lambda number=number: len(sealed_segments(relay.config.logs.dir)) == number)  # type: ignore[misc]
    assert len(check_segments(relay.config.logs.dir)) == 2
    assert len(sealed_segments(relay.config.logs.dir)) == 2  # an idle proxy writes no empty ones


async def test_each_start_has_its_own_writer_name_and_line_numbers(tmp_path: Path, provider: Replay) -> None:
    config = settings(tmp_path, provider.url)
    for _ in range(2):
        async with running(config) as relay:
            await relay.post(CHAT, ASK)
    opened = [line for line in lines(config.logs.dir) if isinstance(line, OpenLine)]
    assert [(line.seq, line.previous) for line in opened] == [(1, None), (1, None)]
    assert len({line.writer for line in opened}) == 2
    assert len(relay.records()) == 2


async def test_without_intents_only_the_records_are_written(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, logs={"intents": False})) as relay:
        await relay.post(CHAT, ASK)
    assert [type(line) for line in relay.lines()] == [OpenLine, RequestLine, SealLine]


async def test_intent_is_written_before_the_request_is_sent(tmp_path: Path, provider: Replay) -> None:
    seen: list[int] = []
    async with running(settings(tmp_path, provider.url)) as relay:
        answer = provider.default
        provider.default = lambda received: (seen.append(len(relay.intents())), answer(received))[1]  # type: ignore[func-returns-value]
        whole = await relay.post(CHAT, ASK)
        (intent,) = relay.intents()
    assert seen == [1]
    assert (intent.request_id, intent.user_id, intent.team_id) == (whole.request_id, "ada", "engines")
    assert (intent.model, intent.endpoint, intent.created_at) == (
        "gpt-4o",
        CHAT,
        relay.records()[0].created_at,
    )


async def test_record_is_written_before_the_last_event_is_sent(tmp_path: Path, provider: Replay) -> None:
    never_yet = asyncio.Event()
    async with running(settings(tmp_path, provider.url)) as relay:
        provider.will(stream_answer([CONTENT, END, never_yet]))
        async with relay.open(CHAT, STREAM) as answer:
            await answer.content.readuntil(b"[DONE]\n\n")
            assert [record.prompt_tokens for record in relay.records()] == [10]
            never_yet.set()
            await answer.read()
    assert len(relay.records()) == 1


class SlowDisk:
    """An fsync of segments that waits until it is let go, and may then fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.failing = False
        self.waiting = 0
        monkeypatch.setattr("proxy.segments.file.os.fsync", self.fsync)

    def fsync(self, fd: int) -> None:
        if "/logs" not in str(Path(f"/proc/self/fd/{fd}").readlink()):
            return
        self.waiting += 1
        self.go.wait(5)
        if self.failing:
            raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("body", [ASK, STREAM], ids=["JSON", "stream"])
async def test_strict_sends_the_last_byte_after_the_fsync(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    disk = SlowDisk(monkeypatch)
    async with running(settings(tmp_path / "batch", provider.url)) as batch:
        assert (await batch.post(CHAT, body)).status == 200
        disk.go.set()
    disk.go.clear()
    async with running(settings(tmp_path, provider.url, logs={"durability": "strict"})) as strict:
        asked = asyncio.create_task(strict.post(CHAT, body))
        before = disk.waiting
        await until(lambda: disk.waiting > before)
        assert [record.status for record in strict.records()] == [200]
        assert not (await asyncio.wait([asked], timeout=0.05))[0]
        disk.go.set()
        assert (await asked).status == 200


async def test_concurrent_requests_share_one_fsync(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    async with running(settings(tmp_path, provider.url, logs={"durability": "strict"})) as relay:
        asked = [asyncio.create_task(relay.post(CHAT, ASK)) for _ in range(20)]
        await until(lambda: len(relay.records()) == 20 and disk.waiting)
        assert disk.waiting == 1
        disk.go.set()
        assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * 20
        assert disk.waiting <= 3


@pytest.mark.parametrize("rotate_bytes", [1024, 10**6], ids=["while sealing", "while writing"])
async def test_strict_aborts_the_answer_when_the_fsync_fails(
    tmp_path: Path,
    provider: Replay,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rotate_bytes: int,
) -> None:
    disk = SlowDisk(monkeypatch)
    disk.failing = True
    disk.go.set()
    logs = {"durability": "strict", "rotate_bytes": rotate_bytes}
    async with running(settings(tmp_path, provider.url, logs=logs)) as relay:
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
            await relay.post(CHAT, ASK)
        assert await relay.metric("relay_log_write_errors_total") >= 1
        disk.failing = False
        assert (await relay.post(CHAT, ASK)).status == 200
    assert not any(record.exc_info for record in caplog.records)


class FullDisk:
    """A disk on which nothing can be written while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self._write = os.write
        monkeypatch.setattr("proxy.segments.file.os.write", self.write)

    def write(self, fd: int, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(fd, data)


async def test_full_disk_stops_requests_and_keeps_records(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FullDisk(monkeypatch)
    rest = asyncio.Event()
    async with running(settings(tmp_path, provider.url)) as relay:
        provider.will(stream_answer([CONTENT, rest, END]))
        async with relay.open(CHAT, STREAM) as under_way:
            await under_way.content.readexactly(len(CONTENT))
            disk.full = True
            rest.set()
            await under_way.read()
        refused = await relay.post(CHAT, ASK)
        assert (refused.status, refused.json()["error"]["code"]) == (503, "log_unavailable")
        assert len(provider.received) == 1
        assert relay.records() == []
        assert await relay.metric("relay_log_write_errors_total") >= 2
        ready = await relay.get("/readyz")
        assert (ready.status, "No space left" in ready.json()["reason"]) == (503, True)
        messages = [record.message for record in caplog.records]
        assert [line.rpartition(": ")[2] for line in messages] == ["No space left on device"]  # once
        disk.full = False
        await until(lambda: len(relay.records()) == 2)
        assert (await relay.get("/readyz")).status == 200
        assert await relay.metric("relay_log_records_total") == 2
    assert [record.status for record in check_segments(relay.config.logs.dir)] == [200, 503]
    assert not any(record.exc_info for record in caplog.records)


async def test_failed_seal_is_repeated_and_the_proxy_is_ready_again(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(monkeypatch)
    async with running(settings(tmp_path, provider.url, logs={"rotate_seconds": 0.05})) as relay:
        await relay.post(CHAT, ASK)
        disk.full = True
        await until(lambda: relay.writer.failure)
        disk.full = False
        await until(lambda: sealed_segments(relay.config.logs.dir))
        assert (await relay.get("/readyz")).status == 200
    assert len(check_segments(relay.config.logs.dir)) == 1


async def test_sums_of_the_seals_equal_the_sums_of_the_records(tmp_path: Path, provider: Replay) -> None:
    async with running(settings(tmp_path, provider.url, logs={"rotate_bytes": 2000})) as relay:
        for _ in range(7):
            await relay.post(CHAT, ASK)
    assert sum(seal.prompt_tokens for seal in relay.seals()) == 70
    assert sum((seal.cost_usd for seal in relay.seals()), Decimal(0)) == 7 * Decimal("0.000065")
    assert all(first.seq < second.seq for first, second in pairwise(relay.seals()))
