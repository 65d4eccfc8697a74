"""A worker process, as seen by itself (`Worker`) and by its parent (`Process`).

A worker is forked, so it inherits the parent's configuration and secrets. If the parent dies, even by
SIGKILL, the pipe that `Worker.lifeline` reads from is closed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final

from proxy.errors import RelayError
from relayctl.errors import RelayctlError

STOPS: Final = (signal.SIGINT, signal.SIGTERM)
"""The signals that stop a worker, or the whole service."""

_FORK: Final = get_context("fork")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker's number, from 1, and a descriptor that becomes readable when the parent dies."""

    number: int
    lifeline: int
    reports: Connection

    def report_ready(self) -> None:
        """Reports to the parent that this worker is serving."""
        with suppress(OSError):  # the parent is dead, which the lifeline shows
            self.reports.send(None)

    def report_failure(self, sentence: str) -> None:
        """Reports to the parent why this worker exits."""
        try:
            self.reports.send(sentence)
        except OSError:  # the parent is dead
            _log.error("%s", sentence)


Work = Callable[[Worker], None]


class Lifeline:
    """A pipe without data that is closed when its only writer, the parent, dies."""

    def __init__(self) -> None:
        self.read, self._write = os.pipe()

    def attach(self) -> int:
        """Closes the write end in a worker and returns the read end."""
        os.close(self._write)
        return self.read


class Process:
    """A worker's process as its parent sees it; starts it on construction."""

    def __init__(self, number: int, work: Work, lifeline: Lifeline) -> None:
        self.started_at = time.monotonic()
        self.ready = False
        self.failure: str | None = None
        self._reports, child_end = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=_main, args=(number, work, lifeline, child_end), daemon=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # until the child has reset the inherited handlers
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        child_end.close()
        self.sentinel = self._process.sentinel

    @property
    def waitables(self) -> list[Connection | int]:
        """The objects to wait on: readable when the process reports or dies."""
        return [self.sentinel] if self._reports.closed else [self.sentinel, self._reports]

    def read_reports(self) -> None:
        """Reads its reports: that it is ready, or a failure."""
        try:
            while not self._reports.closed and self._reports.poll():
                self.failure = self._reports.recv()
                self.ready = self.failure is None
        except (EOFError, OSError):
            self._reports.close()

    def stop(self) -> None:
        """Sends SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Sends SIGKILL."""
        self._process.kill()

    def reap(self) -> str | None:
        """Collects the dead process and describes how it ended; None if it stopped as requested."""
        self.read_reports()
        self._reports.close()
        self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        if code in {0, -signal.SIGTERM}:
            return None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _main(number: int, work: Work, lifeline: Lifeline, reports: Connection) -> None:
    """The entry point of the worker process."""
    signal.set_wakeup_fd(-1)
    for stop in STOPS:
        signal.signal(stop, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    worker = Worker(number=number, lifeline=lifeline.attach(), reports=reports)
    try:
        work(worker)
    except (RelayError, RelayctlError) as error:
        worker.report_failure(str(error))
        sys.exit(1)
    except Exception:
        _log.exception("worker %d failed because of a bug in Relay", number)
        sys.exit(1)
