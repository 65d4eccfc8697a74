"""The running service: the proxy's application with the admin endpoints mounted, until told to stop."""

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
from proxy.metrics.shared_values import Board
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
_PATIENCE_SECONDS: Final = 10.0  # beyond `drain_seconds`, for the seals

_log = logging.getLogger(__name__)


def build(config: Config, *, source: Callable[[], Source], board: Board | None = None) -> web.Application:
    """The proxy with `/internal/*` on the same port, which is read from a source made for each request."""
    app = proxy_app.build(config, board=board)
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
    serves: Callable[[], None],
    lifeline: int | None = None,
) -> None:
    """Serves on sockets that are bound until a signal, or the end of `lifeline`, tells to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, stop.set)
    # A stop waits for the requests in progress; what lasts longer is cut off and recorded as such.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=drain_seconds)
    await runner.setup()
    _spare_the_collector()
    context = certificate.context if certificate else None
    watching = asyncio.create_task(_watch(certificate)) if certificate else None
    try:
        await listening.listen(runner, sockets, context)
        serves()
        await stop.wait()
        _log.info("stopping: waiting for the requests in progress")
        if lifeline is not None:
            loop.remove_reader(lifeline)
        await listening.stop_listening(runner, sockets, context)
    finally:
        if watching is not None:
            watching.cancel()
        await runner.cleanup()


def _spare_the_collector() -> None:
    """Keeps the garbage collector off what stays for ever, and lets those of requests die by themselves.

    At its defaults it took a seventh of the CPU time, looking at requests in flight that hold no cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _watch(certificate: Certificate) -> None:
    """Takes a renewed certificate into use; one that cannot be used is told once."""
    told = ""
    while True:
        try:
            if certificate.refresh():
                told = ""
                _log.info("the certificate has been read again")
        except RelayError as error:
            if told != str(error):
                told = str(error)
                _log.error("%s; the certificate read before stays in force", error)
        await asyncio.sleep(CERTIFICATE_SECONDS)


def _run_alone(config: Config, certificate: Certificate | None, source: Callable[[], Source]) -> None:
    server = config.server
    app = build(config, source=source)
    sockets = listening.bind(server.host, server.port)
    where = listening.url(sockets, tls=certificate is not None)
    serving = _serve(
        app, sockets, certificate, drain_seconds=server.drain_seconds, serves=lambda: _tell(config, where)
    )
    uvloop.run(serving)


def _run_workers(config: Config, certificate: Certificate | None, source: Callable[[], Source]) -> None:
    """A process per worker, each with its own socket on the port; the kernel shares out the clients."""
    # `multiprocessing` is 0.3 MiB that a process alone does without.
    from relayctl.serve.workers import Supervisor  # noqa: PLC0415

    server = config.server
    reserved = listening.reserve(server.host, server.port)
    board = Board(server.workers)

    def work(worker: Worker) -> None:
        process_log.configure(config.log.format, config.log.level, worker=worker.number)
        board.join(worker.number - 1)
        serving = _serve(
            build(config, source=source, board=board),
            listening.alike(reserved),
            certificate,
            drain_seconds=server.drain_seconds,
            serves=worker.serves,
            lifeline=worker.lifeline,
        )
        uvloop.run(serving)

    where = listening.url(reserved, tls=certificate is not None)
    supervisor = Supervisor(
        server.workers,
        work,
        served=lambda: _tell(config, where),
        died=lambda number: board.forget_gauges(number - 1),
        patience=server.drain_seconds + _PATIENCE_SECONDS,
    )
    with closing(board):
        try:
            supervisor.run()
        finally:
            _seal_left(config)


def _seal_left(config: Config) -> None:
    """Seals what a worker has left that died and had no successor before the stop."""
    try:
        for path in seal_leftovers(config.logs.dir):
            _log.warning("sealed %s, which a worker that died had left open", path.name)
    except OSError as error:
        _log.error("%s: %s; the next start seals what is open there", config.logs.dir, error.strerror)


def _tell(config: Config, where: str) -> None:
    workers = f" with {config.server.workers} workers" if config.server.workers > 1 else ""
    _log.info("Relay serves on %s%s, records go to %s", where, workers, config.logs.dir)


def run(config: Config, *, database_url: str | None, archive: str | None = None) -> None:
    """Serves until SIGTERM or SIGINT. Raises `RelayError`, for a worker `WorkerError`, if it cannot start.

    `/internal/*` is read from the database, or else from the logs and the archive.
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
