"""Supervises worker processes: starts them, replaces those that die, stops them together."""

from __future__ import annotations

import gc
import logging
import math
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Final

from relayctl.errors import RelayctlError
from relayctl.serve.worker import STOPS, Lifeline, Process, Work

STABLE_SECONDS: Final = 10.0
"""A worker that ran this long, or stopped as requested, is replaced at once."""

_MIN_DELAY: Final = 0.5
_MAX_DELAY: Final = 30.0

_log = logging.getLogger(__name__)


class WorkerError(RelayctlError):
    """A worker could not start, or did not stop cleanly."""


def delay(deaths: int) -> float:
    """Seconds until a worker is replaced after this many consecutive early deaths."""
    return 0.0 if deaths <= 1 else min(_MAX_DELAY, _MIN_DELAY * 2.0 ** min(deaths - 2, 16))


class _Slot:
    """The slot of one worker; `due` is the monotonic time at which to start its next process."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: Process | None = None
        self.due = 0.0
        self._early_deaths = 0

    def start(self, work: Work, lifeline: Lifeline) -> str | None:
        """Starts a process; returns an error message if the fork fails, and retries after a delay."""
        try:
            self.process = Process(self.number, work, lifeline)
        except OSError as error:
            self._schedule(stable=False)
            return f"worker {self.number} cannot be started: {error.strerror}"
        return None

    def reap(self, process: Process) -> str | None:
        """Collects the dead process and schedules the next; returns the failure, None if requested."""
        how, self.process = process.reap(), None
        self._schedule(stable=how is None or time.monotonic() - process.started_at >= STABLE_SECONDS)
        return how and (process.failure or f"worker {self.number} {how}")

    def _schedule(self, *, stable: bool) -> None:
        self._early_deaths = 1 if stable else self._early_deaths + 1
        self.due = time.monotonic() + delay(self._early_deaths)


class Supervisor:
    """Runs `work` in `count` processes until SIGTERM or SIGINT.

    Calls `on_ready` once, when all are ready, and `on_exit` with the number, from 1, of each that ends.
    After a stop, workers that have not ended in `stop_timeout` seconds are killed.
    """

    def __init__(
        self,
        count: int,
        work: Work,
        *,
        on_ready: Callable[[], None],
        on_exit: Callable[[int], None],
        stop_timeout: float,
    ) -> None:
        self._slots = [_Slot(number) for number in range(1, count + 1)]
        self._work = work
        self._on_ready = on_ready
        self._on_exit = on_exit
        self._stop_timeout = stop_timeout
        self._lifeline = Lifeline()
        self._all_ready = False
        self._kill_at: float | None = None
        self._failure: str | None = None

    def run(self) -> None:
        """Returns when all have stopped. Raises `WorkerError` if one cannot start or did not stop cleanly."""
        gc.freeze()  # keeps existing objects in memory pages shared with the workers
        with _stop_signals() as signals:
            self._start_or_kill()
            while self._kill_at is None or any(slot.process for slot in self._slots):
                self._handle_events(signals)
                self._start_or_kill()
        if self._failure is not None:
            raise WorkerError(self._failure)

    def _start_or_kill(self) -> None:
        """Starts workers that are due; after a stop, kills those that exceed the timeout."""
        now = time.monotonic()
        for slot in self._slots:
            if self._kill_at is None and slot.process is None and slot.due <= now:
                if failure := slot.start(self._work, self._lifeline):
                    self._handle_exit(slot, failure)
            elif self._kill_at is not None and slot.process is not None and self._kill_at <= now:
                _log.error("worker %d has not ended in %g s; it is killed", slot.number, self._stop_timeout)
                slot.process.kill()
        if self._kill_at is not None and self._kill_at <= now:
            self._kill_at = math.inf

    def _handle_events(self, signals: socket.socket) -> None:
        """Waits for a signal, a report, an exit or a timeout, and handles it."""
        waitables = [each for slot in self._slots if slot.process for each in slot.process.waitables]
        ready = wait([signals, *waitables], self._seconds_to_wait())
        if signals in ready:
            signals.recv(64)
            self._stop()
        for slot in self._slots:
            if slot.process is not None:
                slot.process.read_reports()
                if slot.process.sentinel in ready:
                    failure = slot.reap(slot.process)
                    self._on_exit(slot.number)
                    self._handle_exit(slot, failure)
        if not self._all_ready and all(slot.process and slot.process.ready for slot in self._slots):
            self._all_ready = True
            self._on_ready()

    def _seconds_to_wait(self) -> float | None:
        """Seconds until a worker must be started or killed; None to wait for events only."""
        if self._kill_at is not None:
            return None if self._kill_at == math.inf else max(0.0, self._kill_at - time.monotonic())
        due = [slot.due for slot in self._slots if slot.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _stop(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._stop_timeout
            for slot in self._slots:
                if slot.process is not None:
                    slot.process.stop()

    def _handle_exit(self, slot: _Slot, failure: str | None) -> None:
        """Handles the exit or failed start of a worker."""
        if self._kill_at is not None:
            self._failure = self._failure or failure
        elif not self._all_ready:  # a replacement would not start either
            self._failure = failure or f"worker {slot.number} ended before it served"
            self._stop()
        else:
            seconds = max(0.0, slot.due - time.monotonic())
            why = failure or f"worker {slot.number} ended"
            _log.error("worker %d starts again in %.1f s: %s", slot.number, seconds, why)


@contextmanager
def _stop_signals() -> Iterator[socket.socket]:
    """Yields a socket that becomes readable when this process receives a stop signal."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)  # noqa: FBT003 -- the library's signature
    previous = [signal.signal(stop, lambda *_: None) for stop in STOPS]
    signal.set_wakeup_fd(sender.fileno())
    try:
        yield receiver
    finally:
        signal.set_wakeup_fd(-1)
        for stop, handler in zip(STOPS, previous, strict=True):
            signal.signal(stop, handler)
        receiver.close()
        sender.close()
