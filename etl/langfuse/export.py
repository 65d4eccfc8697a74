"""The Langfuse export: a backfill, the live export, and how it stands. Never in the path of a request."""

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
from etl.langfuse.ledger import UNSENT, Counts, Refusal
from etl.langfuse.sender import Sender
from etl.langfuse.session import Session, Settings, session
from etl.langfuse.source import Period
from etl.load.run import stop_on_signals

_LONGEST_PAUSE: Final = 60.0
_SHOWN_REJECTS: Final = 100

Progress = Callable[[int, int], None]
"""Called with how many of how many records are dealt with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a run did, in requests: taken by Langfuse, refused for good; and content that gave nothing."""

    accepted: int
    rejected: int
    stopped: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How the export to one project stands: `unsent` requests are not in the ledger yet."""

    base_url: str
    counts: Counts
    unsent: int
    rejects: list[Refusal]

    @property
    def waiting(self) -> int:
        """Requests that are not certainly at Langfuse."""
        return self.unsent + self.counts.planned + self.counts.inflight


def scan(active: Session, sender: Sender, period: Period, progress: Progress | None = None) -> None:
    """Sends what is not sent of a period. Raises `EtlError` and `StoppedError`."""
    total = active.source.count(period) if progress else 0
    done = 0
    for page in active.source.pages(period):
        active.langfuse.pace.wait(0)
        sender.deliver(page.items)
        if page.ended:
            active.ledger.finish(page.ended)
        done += page.seen
        if progress:
            progress(done, max(done, total))


def export(active: Session, sender: Sender, period: Period, progress: Progress | None = None) -> None:
    """The same, after and before finding out about what dead processes left."""
    sender.recover()
    scan(active, sender, period, progress)
    while sender.recover():
        scan(active, sender, period)


def _result(active: Session, sender: Sender, *, stopped: bool) -> Result:
    done = sender.account
    notes = tuple(active.contents_problems)
    return Result(accepted=done.accepted, rejected=done.rejected, stopped=stopped, notes=notes)


def backfill(
    settings: Settings,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Sends the records of a period that are not sent. Raises `EtlError`; run again, it goes on.

    SIGINT, SIGTERM or `stop` end it after the request to Langfuse that is under way.
    """
    stop = stop or threading.Event()
    with stop_on_signals(stop), session(settings, stop=stop) as active, active.sender() as sender:
        with suppress(StoppedError):
            export(active, sender, active.period(since, until), progress)
        return _result(active, sender, stopped=stop.is_set())


def _unsent(active: Session, period: Period) -> tuple[int, int]:
    """How many records of a period have no row in the ledger, and how many are planned or inflight."""
    new = again = 0
    for page in active.source.pages(period):
        wanted = {item.record.request_id for item in page.items}
        states = active.ledger.states([*wanted])
        new += len(wanted) - len(states)
        again += sum(state in UNSENT for state in states.values())
    return new, again


def planned(settings: Settings, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """How many requests a backfill would send. Raises `EtlError`."""
    with session(settings) as active:
        return sum(_unsent(active, active.period(since, until)))


def status(settings: Settings) -> Status:
    """How the export stands. Raises `EtlError`."""
    with session(settings) as active:
        return Status(
            base_url=active.langfuse.base_url,
            unsent=_unsent(active, active.period(None, None))[0],
            counts=active.ledger.counts(),
            rejects=active.ledger.rejects(_SHOWN_REJECTS),
        )


def _follow(
    settings: Settings, interval: float, report: Callable[[Result | EtlError], None], stop: threading.Event
) -> None:
    with session(settings, stop=stop, live=True) as active:
        while not stop.is_set():
            begun = time.monotonic()
            with active.sender() as sender:
                export(active, sender, active.period(None, None))
                if sender.account.accepted or sender.account.rejected:
                    report(_result(active, sender, stopped=False))
            active.contents_problems.clear()
            active.langfuse.pace.wait(begun + interval - time.monotonic())


def follow(
    settings: Settings,
    *,
    interval: float,
    report: Callable[[Result | EtlError], None],
    stop: threading.Event | None = None,
) -> None:
    """Sends segments as they are sealed, every `interval` seconds, until SIGTERM, SIGINT or `stop`.

    Whatever fails is reported, and tried again after longer and longer pauses; the segments wait. Raises
    `LangfuseRefusedError` when that cannot help.
    """
    stop = stop or threading.Event()
    pause = interval
    with stop_on_signals(stop), suppress(StoppedError):
        while not stop.is_set():
            begun = time.monotonic()
            try:
                _follow(settings, interval, report, stop)
            except LangfuseRefusedError:
                raise
            except EtlError as error:
                report(error)
                # What had worked for a while deserves a short pause.
                pause = interval if time.monotonic() - begun > _LONGEST_PAUSE else pause
                stop.wait(pause)
                pause = min(2 * pause, max(interval, _LONGEST_PAUSE))
