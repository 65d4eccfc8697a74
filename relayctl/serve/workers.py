"""Supervises workers, whatever they do: starts them, replaces one that dies, ends them together."""

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

STEADY_SECONDS: Final = 10.0
"""A worker that lived so long, or ended as asked, was in order: it is replaced at once."""

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 30.0

_log = logging.getLogger(__name__)


class WorkerError(RelayctlError):
    """A worker could not start, or did not end as it should."""


def delay(deaths: int) -> float:
    """Seconds until a worker is replaced when so many in its place have died soon, one after another."""
    return 0.0 if deaths <= 1 else min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(deaths - 2, 16))


class _Place:
    """One of the places to be filled; `due` is when its next process is to start, by the monotonic clock."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: Process | None = None
        self.due = 0.0
        self._deaths = 0

    def start(self, work: Work, lifeline: Lifeline) -> str | None:
        """Fills it; why not, if the system gives no process: then it is due again after a while."""
        try:
            self.process = Process(self.number, work, lifeline)
        except OSError as error:
            self._wait(steady=False)
            return f"worker {self.number} cannot be started: {error.strerror}"
        return None

    def bury(self, process: Process) -> str | None:
        """Why the process in it died, None if as asked; the next one is due after a while."""
        how, self.process = process.end(), None
        self._wait(steady=how is None or time.monotonic() - process.began >= STEADY_SECONDS)
        return how and (process.fault or f"worker {self.number} {how}")

    def _wait(self, *, steady: bool) -> None:
        self._deaths = 1 if steady else self._deaths + 1
        self.due = time.monotonic() + delay(self._deaths)


class Supervisor:
    """Runs `work` in so many processes until SIGTERM or SIGINT.

    `served` is called once, when all have begun; `died` is told the number, from 1, of each that ends.
    After a stop a worker has `patience` seconds to end by itself.
    """

    def __init__(
        self,
        count: int,
        work: Work,
        *,
        served: Callable[[], None],
        died: Callable[[int], None],
        patience: float,
    ) -> None:
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._work = work
        self._served = served
        self._died = died
        self._patience = patience
        self._lifeline = Lifeline()
        self._all_served = False
        self._kill_at: float | None = None
        self._fault: str | None = None

    def run(self) -> None:
        """Returns when all have ended as asked. Raises `WorkerError` if one cannot start, or ended badly."""
        gc.freeze()  # what is here stays shared with the workers: their collectors leave it alone
        with _told() as told:
            self._start_or_kill()
            while self._kill_at is None or any(place.process for place in self._places):
                self._look(told)
                self._start_or_kill()
        if self._fault is not None:
            raise WorkerError(self._fault)

    def _start_or_kill(self) -> None:
        """Starts who is due; after a stop, ends whom patience has ended for."""
        now = time.monotonic()
        for place in self._places:
            if self._kill_at is None and place.process is None and place.due <= now:
                if fault := place.start(self._work, self._lifeline):
                    self._ended(place, fault)
            elif self._kill_at is not None and place.process is not None and self._kill_at <= now:
                _log.error("worker %d has not ended in %g s; it is killed", place.number, self._patience)
                place.process.kill()
        if self._kill_at is not None and self._kill_at <= now:
            self._kill_at = math.inf

    def _look(self, told: socket.socket) -> None:
        """Waits for the next event, and acts on it."""
        watched = [each for place in self._places if place.process for each in place.process.watched]
        ready = wait([told, *watched], self._until_next())
        if told in ready:
            told.recv(64)
            self._stop()
        for place in self._places:
            if place.process is not None:
                place.process.listen()
                if place.process.sentinel in ready:
                    fault = place.bury(place.process)
                    self._died(place.number)
                    self._ended(place, fault)
        if not self._all_served and all(place.process and place.process.serves for place in self._places):
            self._all_served = True
            self._served()

    def _until_next(self) -> float | None:
        """Seconds until something is to be done that no event tells."""
        if self._kill_at is not None:
            return None if self._kill_at == math.inf else max(0.0, self._kill_at - time.monotonic())
        due = [place.due for place in self._places if place.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _stop(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._patience
            for place in self._places:
                if place.process is not None:
                    place.process.stop()

    def _ended(self, place: _Place, fault: str | None) -> None:
        """Acts on the end of a worker, or on its not beginning."""
        if self._kill_at is not None:
            self._fault = self._fault or fault
        elif not self._all_served:  # another would not start either
            self._fault = fault or f"worker {place.number} ended before it served"
            self._stop()
        else:
            pause = max(0.0, place.due - time.monotonic())
            why = fault or f"worker {place.number} ended"
            _log.error("worker %d starts again in %.1f s: %s", place.number, pause, why)


@contextmanager
def _told() -> Iterator[socket.socket]:
    """A socket that becomes readable when this process is told to stop."""
    told, tell = socket.socketpair()
    tell.setblocking(False)  # noqa: FBT003 -- the library's signature
    before = [signal.signal(stop, lambda *_: None) for stop in STOPS]
    signal.set_wakeup_fd(tell.fileno())
    try:
        yield told
    finally:
        signal.set_wakeup_fd(-1)
        for stop, handler in zip(STOPS, before, strict=True):
            signal.signal(stop, handler)
        told.close()
        tell.close()
