"""What `helm test` runs in the cluster, run against a real proxy."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.support.monitoring.helm_chart import CHART
from tests.support.running import Relay

SCRIPT = CHART / "files" / "test.py"


async def _run(url: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, env=os.environ | {"RELAY_URL": url}, stderr=asyncio.subprocess.PIPE
    )
    _, output = await process.communicate()
    return process.returncode, output.decode()


async def test_a_proxy_that_is_ready_passes(relay: Relay) -> None:
    assert await _run(relay.url) == (0, "")


async def test_a_proxy_that_cannot_write_fails_with_a_sentence(relay: Relay) -> None:
    logs = relay.config.logs.dir
    moved = logs.rename(logs.with_name("moved"))
    code, output = await _run(relay.url)
    moved.rename(logs)
    assert code == 1
    assert output == f"{relay.url}/readyz does not answer correctly: HTTP Error 503: Service Unavailable\n"


async def test_no_proxy_fails_with_a_sentence() -> None:
    code, output = await _run("http://127.0.0.1:1")
    assert code == 1
    assert "http://127.0.0.1:1/readyz does not answer correctly" in output
