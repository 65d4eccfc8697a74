"""`analytics.enabled`: the service runs the live export in a separate process."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import pytest

from etl.errors import LangfuseRefusedError
from proxy.config.settings import Config
from relayctl.serve.live_export import live_export
from tests.support.etl.segments import SegmentWriter
from tests.support.langfuse.export import expected, held, spread
from tests.support.langfuse.server import langfuse_server
from tests.support.replay import Replay, json_answer
from tests.support.running import settings, until
from tests.support.serving import WORKERS, serving

RECORDS = spread(20)
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi there"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}


def configured(folder: Path) -> Config:
    """A service with a live export."""
    analytics = {"enabled": True, "interval_seconds": 1, "ledger": folder / "ledger.sqlite"}
    return Config.model_validate({"logs": {"dir": folder / "logs"}, "analytics": analytics})


async def test_service_restarts_the_export_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").mkdir()
    writer = SegmentWriter(tmp_path / "logs")
    monkeypatch.delenv("RELAY_DATABASE_URL", raising=False)
    with langfuse_server() as server, caplog.at_level(logging.ERROR):
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        with live_export(configured(tmp_path), database_url=None):
            writer.segment(*RECORDS[:5])
            await until(lambda: len(server.rows) == 5, 30)
            os.kill(_child(os.getpid()), signal.SIGKILL)
            writer.segment(*RECORDS[5:])
            await until(lambda: len(server.rows) == 20, 30)
            child = _child(os.getpid())
        assert "the Langfuse export ended with code -9" in caplog.text
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
        assert held(server.summary()) == expected(RECORDS)


def _child(parent: int) -> int:
    """The process id of the export, which a thread of the parent started."""
    lists = [path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")]
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in " ".join(lists).split()}
    (found,) = (int(pid) for pid, command in commands.items() if b"follow" in command)
    return found


def test_service_with_export_needs_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGFUSE_PUBLIC_KEY", raising=False)
    with (
        pytest.raises(LangfuseRefusedError, match="LANGFUSE_PUBLIC_KEY"),
        live_export(configured(tmp_path), database_url=None),
    ):
        raise AssertionError("it serves")


async def test_requests_are_exported_with_content(tmp_path: Path, provider: Replay) -> None:
    provider.default = lambda _: json_answer(ANSWER)
    analytics = {"enabled": True, "capture_content": True, "interval_seconds": 1, "environment": "staging"}
    config = settings(
        tmp_path,
        provider.url,
        logs={"rotate_seconds": 0.5},
        analytics=analytics | {"ledger": tmp_path / "ledger.sqlite"},
        **WORKERS,
    )
    with langfuse_server() as server:
        async with serving(config, **server.environ) as served:
            answer = await served.relay.post("/v1/chat/completions", CHAT)
            await until(lambda: server.rows, 30)
            (row,) = server.rows
            shown = row.attributes
            assert row.metadata["request_id"] == answer.request_id
            assert (row.user_id, row.tags, row.environment) == ("ada", ("engines",), "staging")
            assert (row.input_tokens, row.output_tokens, row.priced) == (11, 7, True)
            assert "hello" in shown["langfuse.observation.input"]
            assert "hi there" in shown["langfuse.observation.output"]
            assert await served.stop() == 0


async def test_export_ends_when_the_service_is_killed(tmp_path: Path, provider: Replay) -> None:
    config = settings(
        tmp_path, provider.url, analytics={"enabled": True, "ledger": tmp_path / "ledger.sqlite"}
    )
    with langfuse_server() as server:
        async with serving(config, **server.environ) as served:
            export = _child(served.process.pid)
            served.process.kill()
            await served.process.wait()
            await until(lambda: not _lives(export), 20)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
