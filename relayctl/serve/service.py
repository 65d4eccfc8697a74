"""Runs the service: the proxy's application with the admin endpoints, until a stop signal."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

import uvloop
from aiohttp import web

from proxy import app as proxy_app
from proxy.config.settings import Config
from proxy.errors import RelayError
from proxy.metrics.shared_values import SharedValues
from proxy.segments.file import seal_leftovers
from relayctl.reports.query import Source
from relayctl.serve import listening, process_log
from relayctl.serve.admin_api import admin_routes
from relayctl.serve.certificate import Certificate
from relayctl.serve.live_export import live_export
from relayctl.sources.opening import open_source

if TYPE_CHECKING:
    from relayctl.serve.worker import Worker

CERTIFICATE_SECONDS: Final = 1.0
_STOP_TIMEOUT_SECONDS: Final = 10.0  # in addition to `drain_seconds`, to seal segments

_log = logging.getLogger(__name__)


def build(
    config: Config, *, source: Callable[[], Source], values: SharedValues | None = None
) -> web.Application:
    """Builds the proxy with `/internal/*` on the same port; `source` is called for each request to it."""
    app = proxy_app.build(config, values=values)
    master_key = os.environ.get("PROXY_MASTER_KEY")
    if not master_key:
        _log.warning("PROXY_MASTER_KEY is not set: /internal/* answers 401 to everyone")
    app.add_routes(admin_routes(source, master_key))
    return app


async def _serve(
    app: web.Application,
    sockets: Sequence[socket.socket],
    certificate: Certificate | None,
    *,
    drain_seconds: float,
    on_ready: Callable[[], None],
    lifeline: int | None = None,
) -> None:
    """Serves on bound sockets until SIGINT, SIGTERM or the end of the pipe `lifeline`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, stop.set)
    # A stop waits for requests in progress; those that take longer are cut off and recorded as such.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=drain_seconds)
    await runner.setup()
    _tune_garbage_collector()
    context = certificate.context if certificate else None
    reloading = asyncio.create_task(_reload_when_renewed(certificate)) if certificate else None
    try:
        await listening.listen(runner, sockets, context)
        on_ready()
        await stop.wait()
        _log.info("stopping: waiting for the requests in progress")
        if lifeline is not None:
            loop.remove_reader(lifeline)
        await listening.stop_listening(runner, sockets, context)
    finally:
        if reloading is not None:
            reloading.cancel()
        await runner.cleanup()


def _tune_garbage_collector() -> None:
    """Excludes the loaded objects from garbage collection and makes collections rarer.

    With the default thresholds, collections took a seventh of the CPU time, scanning requests in flight that
    contain no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _reload_when_renewed(certificate: Certificate) -> None:
    """Reloads a renewed certificate; logs each error once."""
    logged = ""
    while True:
        try:
            if certificate.refresh():
                logged = ""
                _log.info("the certificate has been read again")
        except RelayError as error:
            if logged != str(error):
                logged = str(error)
                _log.error("%s; the certificate read before stays in force", error)
        await asyncio.sleep(CERTIFICATE_SECONDS)


def _run_alone(config: Config, certificate: Certificate | None, source: Callable[[], Source]) -> None:
    server = config.server
    app = build(config, source=source)
    sockets = listening.bind(server.host, server.port)
    where = listening.url(sockets, tls=certificate is not None)
    serving = _serve(
        app,
        sockets,
        certificate,
        drain_seconds=server.drain_seconds,
        on_ready=lambda: _log_ready(config, where),
    )
    uvloop.run(serving)


def _run_workers(config: Config, certificate: Certificate | None, source: Callable[[], Source]) -> None:
    """Runs one process per worker, each with its own socket on the port; the kernel balances connections."""
    # `multiprocessing` costs 0.3 MiB, which a single process does not need.
    from relayctl.serve.workers import Supervisor  # noqa: PLC0415

    server = config.server
    reserved = listening.reserve(server.host, server.port)
    values = SharedValues(server.workers)

    def work(worker: Worker) -> None:
        process_log.configure(config.log.format, config.log.level, worker=worker.number)
        values.join(worker.number - 1)
        serving = _serve(
            build(config, source=source, values=values),
            listening.bind_same(reserved),
            certificate,
            drain_seconds=server.drain_seconds,
            on_ready=worker.report_ready,
            lifeline=worker.lifeline,
        )
        uvloop.run(serving)

    where = listening.url(reserved, tls=certificate is not None)
    supervisor = Supervisor(
        server.workers,
        work,
        on_ready=lambda: _log_ready(config, where),
        on_exit=lambda number: values.reset_gauges(number - 1),
        stop_timeout=server.drain_seconds + _STOP_TIMEOUT_SECONDS,
    )
    with closing(values):
        try:
            supervisor.run()
        finally:
            _seal_leftovers(config)


def _seal_leftovers(config: Config) -> None:
    """Seals segments of workers that died and were not replaced before the stop."""
    try:
        for path in seal_leftovers(config.logs.dir):
            _log.warning("sealed %s, which a worker that died had left open", path.name)
    except OSError as error:
        _log.error("%s: %s; the next start seals what is open there", config.logs.dir, error.strerror)


def _log_ready(config: Config, where: str) -> None:
    workers = f" with {config.server.workers} workers" if config.server.workers > 1 else ""
    _log.info("Relay serves on %s%s, records go to %s", where, workers, config.logs.dir)


def run(config: Config, *, database_url: str | None, archive: str | None = None) -> None:
    """Serves until SIGTERM or SIGINT. Raises `RelayError`, for a worker `WorkerError`, if it cannot start.

    `/internal/*` reads from the database if there is a URL, else from the logs and the archive.
    """
    process_log.configure(config.log.format, config.log.level)
    certificate = Certificate(config.server.tls) if config.server.tls else None

    def source() -> Source:
        return open_source("auto", database_url, str(config.logs.dir), archive=archive)

    with live_export(config, database_url=database_url):
        if config.server.workers == 1:
            _run_alone(config, certificate, source)
        else:
            _run_workers(config, certificate, source)
