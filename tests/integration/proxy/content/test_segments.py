"""Content segments: chained, sealed before usage segments, and harmless to them on a full disk."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from proxy.segments import writer
from proxy.segments.content_lines import ContentLine, parse_content_line
from proxy.segments.file import seal_leftovers
from proxy.segments.lines import OpenLine, SealLine, parse_line, sealed_segments
from proxy.segments.record import RequestLine
from tests.integration.proxy.segments.test_writing import check_segments
from tests.support.content_data import ASK, CHAT, JSON, STREAM, answer, captured, capturing, input_and_output
from tests.support.replay import Replay, replaying
from tests.support.running import process, settings, until


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        provider.default = answer
        yield provider


def records(directory: Path) -> list[RequestLine]:
    """The records in the sealed segments of a directory."""
    found = (
        parse_line(line) for path in sealed_segments(directory) for line in path.read_bytes().splitlines()
    )
    return [line for line in found if isinstance(line, RequestLine)]


@pytest.mark.parametrize("durability", ["strict", "batch", "os"])
async def test_content_segments_are_chained_and_sealed_before_usage(
    tmp_path: Path, provider: Replay, durability: str
) -> None:
    logs = {"durability": durability, "rotate_bytes": 2000}
    async with capturing(tmp_path, provider, logs=logs) as relay:
        directory, sealed = relay.config.logs.dir, set[str]()
        for _ in range(8):
            await asyncio.gather(*(relay.post(CHAT, ASK) for _ in range(3)))
            # At any moment: where a record is sealed its content is.
            sealed = {record.request_id for record in records(directory)}
            assert sealed <= {one.request_id for one in captured(directory)}
        await until(lambda: records(directory))  # segments are sealed on another thread
    recorded = {record.request_id for record in check_segments(directory)}
    assert {one.request_id for one in captured(directory)} == recorded
    previous, seq = None, 0
    for path in sealed_segments(directory, "content"):
        raw = path.read_bytes()
        lines = [parse_content_line(line) for line in raw.splitlines()]
        opened, *middle, seal = lines
        assert isinstance(opened, OpenLine)
        assert isinstance(seal, SealLine)
        assert (opened.previous, opened.segment) == (previous, path.name)
        assert all(isinstance(line, ContentLine) for line in middle)
        assert (seal.records, seal.intents, seal.prompt_tokens, seal.cost_usd) == (
            len(middle),
            0,
            0,
            Decimal(0),
        )
        assert [line.seq for line in lines] == list(range(seq + 1, seq + 1 + len(lines)))
        previous, seq = hashlib.sha256(raw).hexdigest(), seq + len(lines)


async def test_content_of_a_killed_process_is_sealed(tmp_path: Path, provider: Replay) -> None:
    config = settings(tmp_path, provider.url, analytics={"capture_content": True})
    async with process(config) as (relay, served):
        whole = await relay.post(CHAT, ASK)
        served.kill()
        await served.wait()
    left = seal_leftovers(config.logs.dir)
    assert [path.name.partition("-")[0] for path in left] == ["content", "usage"]
    seal = parse_content_line(left[0].read_bytes().splitlines()[-1])
    assert isinstance(seal, SealLine)
    assert (seal.records, seal.recovered) == (1, True)
    assert [content.request_id for content in captured(config.logs.dir)] == [whole.request_id]


async def test_full_disk_loses_content_but_no_records(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True
    write = os.write

    def no_room(fd: int, data: bytes) -> int:
        if full and "/content-" in str(Path(f"/proc/self/fd/{fd}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    async with capturing(tmp_path, provider, logs={"durability": "strict"}) as relay:
        await relay.post(CHAT, ASK)
        monkeypatch.setattr("proxy.segments.file.os.write", no_room)
        assert (await relay.post(CHAT, ASK)).status == 200
        assert (await relay.get("/readyz")).status == 200
        assert await relay.metric("relay_log_write_errors_total") == 1
        full = False
        assert (await relay.post(CHAT, ASK)).status == 200
    first, _, third = check_segments(relay.config.logs.dir)
    contents = [content.request_id for content in captured(relay.config.logs.dir)]
    assert contents == [first.request_id, third.request_id]


async def test_content_stops_before_the_disk_is_full(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "RESERVED_BYTES", 2**62)
    async with capturing(tmp_path, provider) as relay:
        await until(lambda: "nearly full: content is left out" in caplog.text)
        assert (await relay.post(CHAT, ASK)).status == 200
        assert await relay.metric("relay_log_write_errors_total") == 1
        monkeypatch.setattr(writer, "RESERVED_BYTES", 0)
        await until(lambda: "content is written again" in caplog.text)
        second = await relay.post(CHAT, ASK)
    assert len(check_segments(relay.config.logs.dir)) == 2
    assert [content.request_id for content in captured(relay.config.logs.dir)] == [second.request_id]


async def test_errors_of_capture_affect_neither_answer_nor_record(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("quotes a secret plan")

    monkeypatch.setattr("proxy.content.output.StreamedOutput.read", broken)
    monkeypatch.setattr("proxy.content.capture.content_json", broken)
    async with capturing(tmp_path, provider) as relay:
        assert (await relay.post(CHAT, STREAM)).body.endswith(b"[DONE]\n\n")
        assert (await relay.post(CHAT, ASK)).json() == JSON
    assert [record.prompt_tokens for record in check_segments(relay.config.logs.dir)] == [10, 10]
    assert [input_and_output(content) for content in captured(relay.config.logs.dir)] == [(None, None)] * 2
    assert "not captured whole: RuntimeError" in caplog.text
    assert "secret plan" not in caplog.text
