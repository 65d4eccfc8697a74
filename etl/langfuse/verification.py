"""Proves that Langfuse has every request once, by its own sums; and names and sends again what it lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from etl.langfuse import sums as langfuse_sums
from etl.langfuse.ledger import Sent
from etl.langfuse.session import Session, Settings, session
from etl.langfuse.source import Page, Period
from etl.langfuse.span import ids, started_ms
from etl.langfuse.sums import Compared

_NAMED: Final = 100
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Each day and model, and the requests that Langfuse took and lost, or has more than once.

    `lost` and `doubled` name the first hundred; `resent` of the lost ones were sent again.
    """

    compared: list[Compared]
    lost: list[str]
    doubled: list[str]
    lost_count: int
    doubled_count: int
    resent: int

    @property
    def agrees(self) -> bool:
        """Whether Langfuse has everything, once."""
        return all(one.agrees for one in self.compared)


@dataclass(kw_only=True, slots=True)
class _Findings:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    lost_count: int = 0
    doubled_count: int = 0

    def add(self, lost: list[str], doubled: list[str]) -> None:
        self.lost = (self.lost + lost)[:_NAMED]
        self.doubled = (self.doubled + doubled)[:_NAMED]
        self.lost_count += len(lost)
        self.doubled_count += len(doubled)


def _wait_until_stored(active: Session) -> None:
    """Langfuse counts what it took only after a while."""
    quiet = active.ledger.counts().quiet_seconds
    if quiet is not None:
        active.langfuse.pace.wait(active.settings.lag - quiet)


def _part(day: date, period: Period) -> tuple[int, int]:
    """The part of a day that lies in the period, in milliseconds since 1970."""
    begin = datetime.combine(day, time.min, UTC)
    return started_ms(max(begin, period.since)), started_ms(min(begin + _DAY, period.until))


def _compare(active: Session, period: Period) -> list[Compared]:
    ours = langfuse_sums.ours(active.everything().pages(period), active.ledger)
    theirs: dict[langfuse_sums.Key, langfuse_sums.Sums] = {}
    days = {day for day, _ in ours}
    day = max(min(days), period.since.date()) if days else period.until.date()
    while day <= max(days, default=day - _DAY):
        theirs |= langfuse_sums.theirs(active.langfuse, day, period.since, period.until)
        day += _DAY
    return langfuse_sums.compared(ours, theirs)


def _examined(active: Session, page: list[Sent]) -> tuple[list[str], list[str]]:
    """Of what was taken, what Langfuse does not have and what it has more than once."""
    stored = Counter(active.langfuse.stored(page[0].started_ms, page[-1].started_ms + 1))
    times = {sent.request_id: stored[ids(sent.request_id)] for sent in page}
    return [one for one, found in times.items() if not found], [one for one in times if times[one] > 1]


def _examine(active: Session, days: list[date], period: Period, *, repair: bool) -> _Findings:
    # What another process has just sent, or sent again, is not lost.
    findings, quiet = _Findings(), active.settings.lag
    for day in days:
        for page in active.ledger.taken(*_part(day, period), quiet):
            lost, doubled = _examined(active, page)
            findings.add(lost, doubled)
            if repair and lost:
                active.ledger.lose(lost, quiet)
    return findings


def _planned(active: Session, pages: Iterator[Page]) -> Iterator[Page]:
    """Only what is planned of each page: what was sent before."""
    for page in pages:
        states = active.ledger.states([item.record.request_id for item in page.items])
        items = [item for item in page.items if states.get(item.record.request_id) == "planned"]
        yield Page(items=items, seen=page.seen, ended=[])


def _resend(active: Session, period: Period) -> int:
    with active.sender() as sender:
        for page in _planned(active, active.everything().pages(period)):
            sender.deliver(page.items)
        return sender.account.accepted


def _verified(active: Session, period: Period) -> tuple[list[Compared], list[date]]:
    """Compares, marks the days that agree as verified, and gives those that do not."""
    _wait_until_stored(active)
    found = _compare(active, period)
    differing = {one.day for one in found if not one.agrees}
    for day in sorted({one.day for one in found} - differing):
        active.ledger.verify(*_part(day, period))
    return found, sorted(differing)


def verify(
    settings: Settings, *, since: datetime | None = None, until: datetime | None = None, repair: bool = False
) -> Verification:
    """Holds Langfuse's sums of a period against the records; with `repair` sends again what it lost.

    Without `until` it ends where the records are complete. Raises `EtlError`.
    """
    with session(settings) as active:
        period = active.period(since, until or active.source.complete_until())
        with active.sender() as sender:
            sender.recover()
        found, differing = _verified(active, period)
        findings = _examine(active, differing, period, repair=repair)
        resent = _resend(active, period) if repair and findings.lost_count else 0
        if resent:
            found, _ = _verified(active, period)
        return Verification(
            compared=found,
            lost=findings.lost,
            doubled=findings.doubled,
            lost_count=findings.lost_count,
            doubled_count=findings.doubled_count,
            resent=resent,
        )
