"""The services of the demo: its directory, the proxy and the stand-in on localhost, and loading."""

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
_POLL_SECONDS: Final = 0.05
_SEAL_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Relay:
    """A running Relay: its log directory, database, URL, and the key of `/internal/*`."""

    logs: Path
    database_url: str
    base_url: str
    master_key: str


def keys_file(directory: Path) -> Path:
    """The file of a run's key hashes."""
    return directory / "keys.yaml"


def fresh_directory(parent: Path, now: datetime) -> Path:
    """Creates a directory named after the time. Raises `RelayctlError` if that fails."""
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
    # Seal segments early, so that there are several to load and --keep soon shows new requests.
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
    """Serves on a free port of 127.0.0.1 and yields the URL."""
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
    """Serves the stand-in and the proxy with its admin endpoints during the block."""
    async with _serving(stand_in.app()) as provider_url:
        config = _configuration(directory, provider_url)
        logs, master_key = config.logs.dir, secrets.token_urlsafe()
        app = proxy_app.build(config, environ={_PROVIDER_KEY: stand_in.api_key}, now=now)
        app.add_routes(admin_routes(lambda: open_source("postgres", database_url, str(logs)), master_key))
        async with _serving(app) as base_url:
            yield Relay(logs=logs, database_url=database_url, base_url=base_url, master_key=master_key)


def _wait_until_sealed(logs: Path) -> None:
    """Waits until no segment is open; after the burst none is started. Raises `RelayctlError`."""
    deadline = time.monotonic() + _SEAL_TIMEOUT_SECONDS
    while any(logs.glob("*.open")):
        if time.monotonic() > deadline:
            raise RelayctlError(f"the proxy did not seal its segments in {logs}: is there room on the disk?")
        time.sleep(_POLL_SECONDS)


def load(relay: Relay) -> etl_run.RunResult:
    """Loads the sealed segments. Raises `EtlError`, and `RelayctlError` if a segment cannot be loaded."""
    result = etl_run.run(relay.database_url, relay.logs)
    if result.failed:
        raise RelayctlError(result.failed[0])
    return result


def load_all(relay: Relay) -> etl_run.RunResult:
    """Waits until every segment is sealed, then loads them; the proxy must be idle meanwhile."""
    _wait_until_sealed(relay.logs)
    return load(relay)
