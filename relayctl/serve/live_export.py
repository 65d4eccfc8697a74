"""Runs the live Langfuse export, `relayctl langfuse follow`, as a separate process beside the service.

So no request ever waits for Langfuse or for the export.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from etl.langfuse.connection import Credentials
from proxy.config.settings import Config

_MIN_RESTART_DELAY: Final = 1.0
_MAX_RESTART_DELAY: Final = 60.0
_STOP_TIMEOUT: Final = 35.0  # a request to Langfuse may take 30 s, and its outcome is recorded

_log = logging.getLogger(__name__)


def command(config: Config) -> list[str]:
    """The command line; -P, because the current directory may contain a module named like one of Relay's."""
    analytics = config.analytics
    options = {
        "--logs": config.logs.dir,
        "--ledger": analytics.ledger,
        "--environment": analytics.environment,
        "--interval": f"{analytics.interval_seconds}s",
        "--rate-limit": analytics.rate_limit,
    }
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    entry = [sys.executable, "-P", "-c", "from relayctl.cli import main; main()"]
    return [*entry, "langfuse", "follow", "--while-stdin", *given]


class _Export(threading.Thread):
    """Keeps the export process running until `stop` is set."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        super().__init__(name="langfuse-export", daemon=True)
        self._command = command
        self._environ = environ
        self.stop = threading.Event()

    def run(self) -> None:
        """Restarts the process after a delay whenever it exits."""
        delay = _MIN_RESTART_DELAY
        while not self.stop.is_set():
            # It ends when its stdin is closed, so also when this process is killed.
            with subprocess.Popen(  # noqa: S603 - a constant command line
                self._command, stdin=subprocess.PIPE, env=self._environ
            ) as process:
                code = self._wait(process)
            if code is not None:
                _log.error("the Langfuse export ended with code %d; it starts again in %.0f s", code, delay)
                self.stop.wait(delay)
                delay = min(2 * delay, _MAX_RESTART_DELAY)

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        while not self.stop.wait(0.2):
            code = process.poll()
            if code is not None:
                return code
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            # Its unfinished batch stays inflight in the ledger; the next export resolves it.
            process.kill()
        return None


@contextmanager
def live_export(config: Config, *, database_url: str | None) -> Iterator[None]:
    """Runs the export during the block if `analytics.enabled` is true.

    Raises `LangfuseRefusedError` if the keys are not in the environment.
    """
    if not config.analytics.enabled:
        yield
        return
    Credentials.from_environ(os.environ)
    # Passed in the environment, because other users can read the command line.
    database = {"RELAY_DATABASE_URL": database_url} if database_url else {}
    export = _Export(command(config), os.environ | database)
    export.start()
    try:
        yield
    finally:
        export.stop.set()
        export.join()
