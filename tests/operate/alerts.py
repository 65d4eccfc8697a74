"""`python -m tests.operate.alerts`: a provider fails, and `UpstreamErrors` arrives at a webhook.

The proxy, Prometheus with Relay's rules and Alertmanager are real; only the durations in a copy of the rules
are shorter. Then `relayctl alert-check` with that Prometheus must report the same.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiohttp import web

from relayctl.alerts import rules
from tests.support.monitoring.servers import alertmanager_server, prometheus_server
from tests.support.replay import BREAK, Answer, replaying
from tests.support.running import Relay, process, settings

ALERT: Final = "UpstreamErrors"
_PATIENCE: Final = 60
_SETTLED: Final = 3
"""Seconds of errors that cover the rule's `for:` completely."""

_SHORT: Final = {"5m": "5s", "2m": "2s"}
"""The shortened range and `for:` of the rule."""


def short_rules(directory: Path) -> Path:
    """A copy of the shipped rules in which `UpstreamErrors` needs seconds instead of minutes."""
    (source,) = rules.directory().glob("*.yml")
    before, name, after = source.read_text("utf-8").partition(f"- alert: {ALERT}\n")
    own, separator, rest = after.partition("- alert: ")
    changed = re.sub(r"\b(5m|2m)\b", lambda match: _SHORT[match[0]], own)
    copy = directory / "rules.yml"
    copy.write_text(before + name + changed + separator + rest, "utf-8")
    return copy


@asynccontextmanager
async def webhook() -> AsyncIterator[tuple[str, asyncio.Queue[dict[str, Any]]]]:
    """Runs a webhook; yields its URL and the received messages."""
    arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        arrived.put_nowait(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", arrived
    finally:
        await runner.cleanup()


async def requests(relay: Relay) -> None:
    """Sends five requests per second until cancelled."""
    while True:
        await relay.post("/v1/chat/completions", {"model": "gpt-4o", "messages": []})
        await asyncio.sleep(0.2)


async def wait_for_alert(queue: asyncio.Queue[dict[str, Any]]) -> dict[str, Any]:
    """The alert as the webhook received it."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            for alert in (await queue.get())["alerts"]:
                if alert["labels"]["alertname"] == ALERT and alert["status"] == "firing":
                    return dict(alert)


async def alert_check(*arguments: str) -> str:
    """The CSV line of `relayctl alert-check` about the alert."""
    program = Path(sys.executable).with_name("relayctl")
    called = await asyncio.create_subprocess_exec(
        program, "alert-check", "-o", "csv", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await called.communicate()
    (line,) = [line for line in out.decode().splitlines() if line.startswith(f"{ALERT},")]
    return line


async def run_scenario(directory: Path) -> None:
    """Raises an error if the alert does not arrive or the sources disagree about it."""
    copy = short_rules(directory)
    async with replaying() as provider, webhook() as (hook, queue):
        provider.default = lambda _: Answer(before=(BREAK,))
        async with process(settings(directory, provider.url)) as (relay, _):
            target = relay.url.removeprefix("http://")
            with (
                alertmanager_server(directory / "alertmanager", webhook=hook) as manager,
                prometheus_server(
                    directory / "prometheus", jobs={"relay": [target]}, rules=[copy], alertmanager=manager
                ) as prometheus,
            ):
                started = time.monotonic()
                sending = asyncio.create_task(requests(relay))
                alert = await wait_for_alert(queue)
                took = time.monotonic() - started
                await asyncio.sleep(_SETTLED)
                line = await alert_check("--prometheus-url", prometheus, "--rules", str(copy))
                sending.cancel()
    if alert["labels"] != {"alertname": ALERT, "severity": "critical"} or ",firing," not in line:
        sys.exit(f"the webhook has {alert['labels']}, alert-check says {line}")
    sys.stdout.write(f"{ALERT}: {alert['annotations']['description']} At the webhook after {took:.0f} s\n")


def main() -> None:
    """Runs the test in a temporary directory."""
    with TemporaryDirectory(prefix="relay-alerts-") as directory:
        asyncio.run(run_scenario(Path(directory)))


if __name__ == "__main__":
    main()
