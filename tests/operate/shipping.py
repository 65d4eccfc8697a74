"""`python -m tests.operate.shipping` runs the chart's sidecar beside a real proxy, as in a pod.

Sends traffic, waits for shipping, sends more traffic; then stops the pod as Kubernetes does: SIGTERM
to the proxy, and after it has ended, to the sidecar. Then every record must be in the archive and in
PostgreSQL. The same without a database: every record must be in the archive. S3 is moto, PostgreSQL is real.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp
import yaml
from aiohttp import web

from etl.archive import manifest as archive_manifest
from etl.archive.store import open_store
from etl.database.connection import connect
from proxy.request import keys
from relayctl.demo.postgres import embedded_postgres
from relayctl.demo.provider import StandIn
from tests.support.databases import migrated_database
from tests.support.s3 import BUCKET, s3_server

ROOT: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent
PROVIDER_KEY: Final = "stand-in"
REQUESTS: Final = 20
WAIT_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A proxy and its sidecar with a shared directory."""

    proxy: subprocess.Popen[bytes]
    sidecar: subprocess.Popen[bytes]
    url: str
    key: str
    logs: Path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _pod(disk: Path, provider_url: str, archive: str, database_url: str) -> Iterator[Pod]:
    port, logs = _free_port(), disk / "logs"
    key = keys.issue(disk / "keys.yaml", user="ada", team="engines")
    settings = yaml.safe_load((ROOT / "deploy" / "demo.yaml").read_text("utf-8"))
    for upstream in settings["upstreams"].values():
        upstream["base_url"] = upstream["base_url"].replace("http://provider:9000", provider_url)
    (disk / "relay.yaml").write_text(yaml.safe_dump(settings))
    environment = os.environ | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "RELAY_CONFIG": str(disk / "relay.yaml"),
        "RELAY_KEYS__FILE": str(disk / "keys.yaml"),
        "RELAY_SERVER__PORT": str(port),
        "RELAY_LOGS__ROTATE_SECONDS": "1",
        "RELAY_LOG_DIR": str(logs),
        "RELAY_DEMO_PROVIDER_KEY": PROVIDER_KEY,
    }
    sidecar_environment = environment | {
        "METRICS_DIR": str(disk / "metrics"),
        "SHIP_EVERY": "3",
        "LOAD_SECONDS": "30",
        "RELAY_ARCHIVE": archive,
        "RELAY_DATABASE_URL": database_url,
    }
    script = ROOT / "helm" / "relay" / "files" / "ship.sh"
    proxy = subprocess.Popen([BIN / "relayctl", "serve"], cwd=disk, env=environment)
    sidecar = subprocess.Popen(["sh", script], cwd=disk, env=sidecar_environment)
    try:
        yield Pod(proxy=proxy, sidecar=sidecar, url=f"http://127.0.0.1:{port}", key=key, logs=logs)
    finally:
        for process in (proxy, sidecar):
            process.kill()
            process.wait()


async def _send(pod: Pod) -> None:
    """Sends requests after the proxy is ready."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    deadline = time.monotonic() + WAIT_SECONDS
    async with aiohttp.ClientSession(pod.url, headers={"Authorization": f"Bearer {pod.key}"}) as session:
        while True:
            try:
                async with session.get("/readyz") as answer:
                    if answer.status == 200:
                        break
            except aiohttp.ClientConnectionError:
                pass
            if time.monotonic() > deadline:
                sys.exit("the proxy did not become ready")
            await asyncio.sleep(0.1)
        for _ in range(REQUESTS):
            async with session.post("/v1/chat/completions", json=body) as answer:
                await answer.read()


def _stop(pod: Pod) -> None:
    """Stops both as Kubernetes does: first the proxy, then the sidecar."""
    for name, process in (("proxy", pod.proxy), ("sidecar", pod.sidecar)):
        process.send_signal(signal.SIGTERM)
        if (code := process.wait(WAIT_SECONDS)) != 0 and name == "proxy":
            sys.exit(f"the {name} ended with code {code}")


def _archived(archive: str) -> int:
    """The number of records in the archive, each segment once."""
    segments = {
        segment.name: segment.sums.records
        for _, manifest in archive_manifest.read_all(open_store(archive))
        for segment in manifest.segments
    }
    return sum(segments.values())


def _loaded(database_url: str) -> int:
    with connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM usage_records").fetchone()
    return int(row[0]) if row else 0


def _expect(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        sys.exit(f"{what}: {found} records instead of {wanted}")
    sys.stdout.write(f"{what}: {found} records\n")
    sys.stdout.flush()


async def _shipped(provider_url: str, database_url: str, *, with_database: bool) -> None:
    name = "with the database" if with_database else "with the database gone"
    archive = f"s3://{BUCKET}/{'up' if with_database else 'down'}"
    url = database_url if with_database else "postgresql://relay@127.0.0.1:1/relay"
    with TemporaryDirectory() as directory, _pod(Path(directory), provider_url, archive, url) as pod:
        await _send(pod)
        await asyncio.sleep(5)
        await _send(pod)
        await asyncio.to_thread(_stop, pod)
    _expect(f"{name}, in the archive", _archived(archive), 2 * REQUESTS)
    if with_database:
        _expect(f"{name}, in PostgreSQL", _loaded(database_url), 2 * REQUESTS)


async def _main(database_url: str) -> None:
    runner = web.AppRunner(StandIn(seed=1, api_key=PROVIDER_KEY, failing=False).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for with_database in (True, False):
        await _shipped(provider_url, database_url, with_database=with_database)
    await runner.cleanup()


def main() -> None:
    """Exits with 0 if nothing was lost."""
    with embedded_postgres() as server, migrated_database(server) as database_url, s3_server():
        asyncio.run(_main(database_url))


if __name__ == "__main__":
    main()
