"""The live Langfuse export of a running service: `relayctl langfuse follow`, a process of its own beside it.

So whatever Langfuse does, or the export itself, no request waits for it.
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

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_PATIENCE: Final = 35.0  # a request to Langfuse may take 30 s, and its outcome is worth knowing

_log = logging.getLogger(__name__)


def command(config: Config) -> list[str]:
    """The command line of the process; -P, because this directory may hold a module named as one of ours."""
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
    """Keeps the process running; ends it when told to stop."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        super().__init__(name="langfuse-export", daemon=True)
        self._command = command
        self._environ = environ
        self.stop = threading.Event()

    def run(self) -> None:
        """Starts the process again, after a while, whenever it ends by itself."""
        pause = _FIRST_PAUSE
        while not self.stop.is_set():
            # It reads nothing, but ends when its stdin does: also when this process is killed.
            with subprocess.Popen(  # noqa: S603 - a command line of our own
                self._command, stdin=subprocess.PIPE, env=self._environ
            ) as process:
                code = self._watched(process)
            if code is not None:
                _log.error("the Langfuse export ended with code %d; it starts again in %.0f s", code, pause)
                self.stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _watched(self, process: subprocess.Popen[bytes]) -> int | None:
        while not self.stop.wait(0.2):
            code = process.poll()
            if code is not None:
                return code
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            # What it was sending is inflight in the ledger; the next one finds out about it.
            process.kill()
        return None


@contextmanager
def live_export(config: Config, *, database_url: str | None) -> Iterator[None]:
    """Runs the export beside what is inside, where `analytics.enabled` asks for it.

    Raises `LangfuseRefusedError` when the keys are not in the environment.
    """
    if not config.analytics.enabled:
        yield
        return
    Credentials.from_environ(os.environ)
    # Not on the command line, which everybody on the machine can read.
    database = {"RELAY_DATABASE_URL": database_url} if database_url else {}
    export = _Export(command(config), os.environ | database)
    export.start()
    try:
        yield
    finally:
        export.stop.set()
        export.join()
