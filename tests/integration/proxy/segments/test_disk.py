"""A nearly full disk, and a deleted segment: what is lost is reported."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.errors import LogWriteError
from tests.support.replay import Replay, json_answer, replaying
from tests.support.running import running, settings, until

CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": []}
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    async with replaying() as provider:
        provider.default = lambda _: json_answer({"usage": USAGE})
        yield provider


async def test_close_reports_why_a_record_could_not_be_written(
    tmp_path: Path, provider: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def nearly_full(fd: int, data: bytes) -> int:
        if b'"event":"request"' in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr("proxy.segments.file.os.write", nearly_full)
    with pytest.raises(LogWriteError, match=r"1 records could not be written: .*: No space left on device"):
        async with running(settings(tmp_path, provider.url)) as relay:
            assert (await relay.post(CHAT, ASK)).status == 200


async def test_deleted_segment_is_replaced(
    tmp_path: Path, provider: Replay, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings(tmp_path, provider.url)) as relay:
        await relay.post(CHAT, ASK)
        (segment,) = relay.config.logs.dir.iterdir()
        segment.unlink()
        await until(lambda: caplog.records)
        answer = await relay.post(CHAT, ASK)
        assert await relay.metric("relay_log_write_errors_total") == 1
    assert [record.message for record in caplog.records] == [
        f"{segment} was deleted while it was written: its lines are lost"
    ]
    assert [record.request_id for record in relay.records()] == [answer.request_id]
    assert relay.lines()[0].seq == 4  # the hole of an open line, an intent and a record shows
