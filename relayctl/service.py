"""The running service: the proxy's application with the admin endpoints mounted, until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import uvloop
from aiohttp import web

from proxy import app as proxy_app
from proxy.config import Config
from proxy.errors import RelayError
from relayctl import process_log
from relayctl.api import admin_routes
from relayctl.sources import open_source

_log = logging.getLogger(__name__)


def build(config: Config, *, database_url: str | None) -> web.Application:
    """The proxy with `/internal/*` on the same port, read from PostgreSQL or else from the logs."""
    app = proxy_app.build(config)
    master_key = os.environ.get("PROXY_MASTER_KEY")
    if not master_key:
        _log.warning("PROXY_MASTER_KEY is not set: /internal/* answers 401 to everyone")
    app.add_routes(admin_routes(lambda: open_source("auto", database_url, str(config.logs.dir)), master_key))
    return app


async def _serve(config: Config, app: web.Application) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # A stop waits for the requests in progress; what lasts longer is cut off and recorded as such.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=config.server.drain_seconds)
    await runner.setup()
    try:
        host, port = config.server.host, config.server.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise RelayError(
                f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0).lower()}; set server.port"
            ) from error
        bound = runner.addresses[0]
        _log.info("Relay serves on http://%s:%d, records go to %s", bound[0], bound[1], config.logs.dir)
        await stop.wait()
        _log.info("stopping: waiting for the requests in progress")
    finally:
        await runner.cleanup()


def run(config: Config, *, database_url: str | None) -> None:
    """Serves until SIGTERM or SIGINT. Raises `RelayError` when it cannot start."""
    process_log.configure(config.log.format, config.log.level)
    uvloop.run(_serve(config, build(config, database_url=database_url)))
