"""The real service: `relayctl serve` in its own processes, with its log.

    async with serving(settings(tmp_path, provider.url, **WORKERS)) as served:
        await served.relay.post("/v1/chat/completions", {…})
        os.kill(served.workers()[0], signal.SIGKILL)
        assert await served.stop() == 0

Every request opens a new connection, so that all workers get some.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from proxy.config.settings import Config
from proxy.request import keys
from tests.support.running import PROVIDER_KEYS, Relay, until, written

WORKERS: Final[dict[str, Any]] = {"server": {"workers": 2}, "limits": {"per_worker": True}}
"""The sections of a configuration with two workers."""

_SERVE: Final = (sys.executable, "-c", "from relayctl.cli import main; main()", "serve", "--config")


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running service: a client of it, its main process, and the file of its log."""

    relay: Relay
    process: asyncio.subprocess.Process
    log: Path

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text()

    def workers(self) -> list[int]:
        """The processes that it has started, by id."""
        pid = self.process.pid
        return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def threads(self) -> int:
        """How many threads its main process has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    async def stop(self) -> int:
        """Stops it with SIGTERM and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


async def started(config: Config, environ: Mapping[str, str]) -> tuple[asyncio.subprocess.Process, Path]:
    """Starts the service; returns its process and the file of its log."""
    log = config.keys.file.with_name("relay.log")
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *_SERVE, str(written(config)), stderr=said, env={**os.environ, **PROVIDER_KEYS, **environ}
        )
    return process, log


@asynccontextmanager
async def serving(config: Config, **environ: str) -> AsyncIterator[Served]:
    """The service on a free port; killed at the end."""
    key = keys.issue(config.keys.file, user="ada", team="engines")
    process, log = await started(config, environ)
    try:
        await until(lambda: "serves on" in log.read_text() or process.returncode is not None, 20)
        serves = re.search(r"serves on (\S+?)[, ]", log.read_text())
        assert serves, log.read_text()
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            relay = Relay(config=config, app=web.Application(), url=serves[1], key=key, session=session)
            yield Served(relay=relay, process=process, log=log)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
