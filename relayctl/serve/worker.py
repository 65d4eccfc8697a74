"""One of several worker processes, from its own side (`Worker`) and from its parent's (`Process`).

It is forked, so it has the configuration that the parent has read, secrets included, and nothing is handed
over. When the parent dies, by `kill -9` too, the pipe that `Worker.lifeline` reads from ends.
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
"""The signals that end a worker, and all of them."""

_FORK: Final = get_context("fork")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a worker knows: its number, from 1; a descriptor that becomes readable when the parent is dead."""

    number: int
    lifeline: int
    reports: Connection

    def serves(self) -> None:
        """Tells the parent that this worker has begun its work."""
        with suppress(OSError):  # the parent is dead, and the lifeline says so
            self.reports.send(None)

    def failed(self, sentence: str) -> None:
        """Tells the parent why this worker ends."""
        try:
            self.reports.send(sentence)
        except OSError:  # the parent is dead
            _log.error("%s", sentence)


Work = Callable[[Worker], None]


class Lifeline:
    """A pipe that nothing is written to: it ends when the only process that may write is dead."""

    def __init__(self) -> None:
        self.read, self._held = os.pipe()

    def take(self) -> int:
        """In a worker: the end to watch; only the parent keeps the other."""
        os.close(self._held)
        return self.read


class Process:
    """A worker's process, as its parent sees it; it runs from the moment it is made."""

    def __init__(self, number: int, work: Work, lifeline: Lifeline) -> None:
        self.began = time.monotonic()
        self.serves = False
        self.fault: str | None = None
        self._reports, theirs = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=_live, args=(number, work, lifeline, theirs), daemon=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # until the child has let go of our handlers
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        theirs.close()
        self.sentinel = self._process.sentinel

    @property
    def watched(self) -> list[Connection | int]:
        """What becomes readable when it reports or dies."""
        return [self.sentinel] if self._reports.closed else [self.sentinel, self._reports]

    def listen(self) -> None:
        """Takes what it has reported: that it serves, or a fault."""
        try:
            while not self._reports.closed and self._reports.poll():
                self.fault = self._reports.recv()
                self.serves = self.fault is None
        except (EOFError, OSError):
            self._reports.close()

    def stop(self) -> None:
        """Asks it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it."""
        self._process.kill()

    def end(self) -> str | None:
        """How it has died, when its sentinel says so; None when it ended as it was asked to."""
        self.listen()
        self._reports.close()
        self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        if code in {0, -signal.SIGTERM}:
            return None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _live(number: int, work: Work, lifeline: Lifeline, reports: Connection) -> None:
    """The life of a worker, in its own process."""
    signal.set_wakeup_fd(-1)
    for stop in STOPS:
        signal.signal(stop, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    worker = Worker(number=number, lifeline=lifeline.take(), reports=reports)
    try:
        work(worker)
    except (RelayError, RelayctlError) as error:
        worker.failed(str(error))
        sys.exit(1)
    except Exception:
        _log.exception("worker %d met a fault of Relay's own", number)
        sys.exit(1)
