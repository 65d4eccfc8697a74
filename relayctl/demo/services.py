"""What the demo runs on: a directory of its own, servers on this machine alone, a loaded database."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from etl.load import run as etl_run
from proxy import app as proxy_app
from proxy.config.server import Keys, Logs
from proxy.config.settings import Config
from proxy.config.upstreams import Upstream
from relayctl.demo.provider import StandIn
from relayctl.errors import RelayctlError
from relayctl.serve.admin_api import admin_routes
from relayctl.sources.opening import open_source

_PROVIDER_KEY: Final = "RELAY_DEMO_PROVIDER_KEY"
_LOOK_SECONDS: Final = 0.05
_SEAL_SECONDS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Relay:
    """Where a running Relay is: its segments, its database, its URL; and the key to `/internal/*`."""

    logs: Path
    database_url: str
    base_url: str
    master_key: str


def keys_file(directory: Path) -> Path:
    """Where a run keeps the hashes of its Relay keys."""
    return directory / "keys.yaml"


def fresh_directory(parent: Path, now: datetime) -> Path:
    """Makes a directory named after the time. Raises `RelayctlError` when it cannot be made."""
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    for name in itertools.chain([stamp], (f"{stamp}-{number}" for number in itertools.count(2))):
        try:
            parent.mkdir(parents=True, exist_ok=True)
            (parent / name).mkdir()
        except FileExistsError:
            if parent.is_dir():
                continue
            raise RelayctlError(f"{parent} is not a directory: choose another place with --dir") from None
        except OSError as error:
            raise RelayctlError(
                f"{parent / name} cannot be made ({error.strerror}): choose another place with --dir"
            ) from error
        break
    return parent / name


def _configuration(directory: Path, provider_url: str) -> Config:
    # Segments are sealed early: there are several to load, and with --keep new requests soon show.
    logs = Logs(dir=directory / "logs", rotate_seconds=1)
    openai = Upstream(
        name="openai",
        api="openai",
        base_url=f"{provider_url}/v1",
        api_key_env=_PROVIDER_KEY,
        models=("gpt-*", "text-embedding-*"),
    )
    anthropic = Upstream(
        name="anthropic",
        api="anthropic",
        base_url=provider_url,
        api_key_env=_PROVIDER_KEY,
        models=("claude-*",),
    )
    upstreams = {"openai": openai, "anthropic": anthropic}
    return Config(logs=logs, keys=Keys(file=keys_file(directory)), upstreams=upstreams)


@asynccontextmanager
async def _serving(app: web.Application) -> AsyncIterator[str]:
    """Serves on a port of this machine's own address that the system chooses, and gives the URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(
    directory: Path, database_url: str, stand_in: StandIn, now: Callable[[], datetime]
) -> AsyncIterator[Relay]:
    """Serves the stand-in and, in front of it, the proxy with its admin endpoints, until the block ends."""
    async with _serving(stand_in.app()) as provider_url:
        config = _configuration(directory, provider_url)
        logs, master_key = config.logs.dir, secrets.token_urlsafe()
        app = proxy_app.build(config, environ={_PROVIDER_KEY: stand_in.api_key}, now=now)
        app.add_routes(admin_routes(lambda: open_source("postgres", database_url, str(logs)), master_key))
        async with _serving(app) as base_url:
            yield Relay(logs=logs, database_url=database_url, base_url=base_url, master_key=master_key)


def _wait_until_sealed(logs: Path) -> None:
    """Returns when no segment is open; after the burst none is begun. Raises `RelayctlError`."""
    deadline = time.monotonic() + _SEAL_SECONDS
    while any(logs.glob("*.open")):
        if time.monotonic() > deadline:
            raise RelayctlError(f"the proxy did not seal its segments in {logs}: is there room on the disk?")
        time.sleep(_LOOK_SECONDS)


def load(relay: Relay) -> etl_run.RunResult:
    """Loads what the proxy has sealed. Raises `EtlError`, and `RelayctlError` when a segment is refused."""
    result = etl_run.run(relay.database_url, relay.logs)
    if result.failed:
        raise RelayctlError(result.failed[0])
    return result


def load_all(relay: Relay) -> etl_run.RunResult:
    """Loads everything written so far, once it is sealed; the proxy must have nothing to do meanwhile."""
    _wait_until_sealed(relay.logs)
    return load(relay)
