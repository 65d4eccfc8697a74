"""The operations of the Langfuse export: backfill, live export and status. Never in the path of a request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from etl.errors import EtlError, LangfuseRefusedError
from etl.langfuse.connection import StoppedError
from etl.langfuse.ledger import UNCONFIRMED, Counts, Rejection
from etl.langfuse.sender import Sender
from etl.langfuse.session import Session, Settings, session
from etl.langfuse.source import Period
from etl.load.run import stop_on_signals

_MAX_PAUSE: Final = 60.0
_SHOWN_REJECTIONS: Final = 100

Progress = Callable[[int, int], None]
"""Called with the number of processed records and of all records."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result of a run: requests accepted and rejected by Langfuse, and notes on skipped content."""

    accepted: int
    rejected: int
    stopped: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The status of the export to one project: `unsent` requests are not in the ledger yet."""

    base_url: str
    counts: Counts
    unsent: int
    rejections: list[Rejection]

    @property
    def waiting(self) -> int:
        """Requests that Langfuse may not have."""
        return self.unsent + self.counts.planned + self.counts.inflight


def _send_unsent(active: Session, sender: Sender, period: Period, progress: Progress | None = None) -> None:
    """Sends the unsent records of a period. Raises `EtlError` and `StoppedError`."""
    total = active.source.count(period) if progress else 0
    done = 0
    for page in active.source.pages(period):
        active.langfuse.limiter.wait(0)
        sender.send(page.records)
        if page.completed_segments:
            active.ledger.complete_segments(page.completed_segments)
        done += page.scanned
        if progress:
            progress(done, max(done, total))


def _export(active: Session, sender: Sender, period: Period, progress: Progress | None = None) -> None:
    """Sends the unsent records of a period, including what dead processes left uncertain."""
    sender.recover()
    _send_unsent(active, sender, period, progress)
    while sender.recover():
        _send_unsent(active, sender, period)


def _result(active: Session, sender: Sender, *, stopped: bool) -> Result:
    counts = sender.counts
    notes = tuple(active.content_problems)
    return Result(accepted=counts.accepted, rejected=counts.rejected, stopped=stopped, notes=notes)


def backfill(
    settings: Settings,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Sends the unsent records of a period. Raises `EtlError`; the next call continues.

    SIGINT, SIGTERM or `stop` end it after the current request to Langfuse.
    """
    stop = stop or threading.Event()
    with stop_on_signals(stop), session(settings, stop=stop) as active, active.sender() as sender:
        with suppress(StoppedError):
            _export(active, sender, active.period(since, until), progress)
        return _result(active, sender, stopped=stop.is_set())


def _unsent(active: Session, period: Period) -> tuple[int, int]:
    """The number of records of a period without a row in the ledger, and of those planned or inflight."""
    new = unconfirmed = 0
    for page in active.source.pages(period):
        request_ids = {one.record.request_id for one in page.records}
        states = active.ledger.states([*request_ids])
        new += len(request_ids) - len(states)
        unconfirmed += sum(state in UNCONFIRMED for state in states.values())
    return new, unconfirmed


def count_unsent(settings: Settings, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """The number of requests that a backfill would send. Raises `EtlError`."""
    with session(settings) as active:
        return sum(_unsent(active, active.period(since, until)))


def status(settings: Settings) -> Status:
    """The status of the export. Raises `EtlError`."""
    with session(settings) as active:
        return Status(
            base_url=active.langfuse.base_url,
            unsent=_unsent(active, active.period(None, None))[0],
            counts=active.ledger.counts(),
            rejections=active.ledger.rejections(_SHOWN_REJECTIONS),
        )


def _follow(
    settings: Settings, interval: float, report: Callable[[Result | EtlError], None], stop: threading.Event
) -> None:
    with session(settings, stop=stop, live=True) as active:
        while not stop.is_set():
            started = time.monotonic()
            with active.sender() as sender:
                _export(active, sender, active.period(None, None))
                if sender.counts.accepted or sender.counts.rejected:
                    report(_result(active, sender, stopped=False))
            active.content_problems.clear()
            active.langfuse.limiter.wait(started + interval - time.monotonic())


def follow(
    settings: Settings,
    *,
    interval: float,
    report: Callable[[Result | EtlError], None],
    stop: threading.Event | None = None,
) -> None:
    """Sends newly sealed segments every `interval` seconds, until SIGTERM, SIGINT or `stop`.

    Errors are reported and retried after increasing pauses. Raises `LangfuseRefusedError`, for which a retry
    is useless.
    """
    stop = stop or threading.Event()
    pause = interval
    with stop_on_signals(stop), suppress(StoppedError):
        while not stop.is_set():
            started = time.monotonic()
            try:
                _follow(settings, interval, report, stop)
            except LangfuseRefusedError:
                raise
            except EtlError as error:
                report(error)
                # After a while without errors the pause starts at its shortest again.
                pause = interval if time.monotonic() - started > _MAX_PAUSE else pause
                stop.wait(pause)
                pause = min(2 * pause, max(interval, _MAX_PAUSE))
