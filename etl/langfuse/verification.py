"""Verifies that Langfuse has every request once, by its own sums; finds and resends what it lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from etl.langfuse import sums as langfuse_sums
from etl.langfuse.ledger import SentSpan
from etl.langfuse.session import Session, Settings, session
from etl.langfuse.source import Page, Period
from etl.langfuse.span import span_ids, started_ms
from etl.langfuse.sums import Comparison

_MAX_LISTED: Final = 100
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """The comparison by day and model, and the requests that Langfuse accepted and lost, or has twice.

    `lost` and `duplicated` list the first hundred request ids; `resent` of the lost requests were sent again.
    """

    comparisons: list[Comparison]
    lost: list[str]
    duplicated: list[str]
    lost_count: int
    duplicated_count: int
    resent: int

    @property
    def agrees(self) -> bool:
        """Whether Langfuse has every request exactly once."""
        return all(one.agrees for one in self.comparisons)


@dataclass(kw_only=True, slots=True)
class _Findings:
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    lost_count: int = 0
    duplicated_count: int = 0

    def add(self, lost: list[str], duplicated: list[str]) -> None:
        self.lost = (self.lost + lost)[:_MAX_LISTED]
        self.duplicated = (self.duplicated + duplicated)[:_MAX_LISTED]
        self.lost_count += len(lost)
        self.duplicated_count += len(duplicated)


def _wait_until_stored(active: Session) -> None:
    """Waits until Langfuse has stored, and counts, what it accepted last."""
    quiet = active.ledger.counts().quiet_seconds
    if quiet is not None:
        active.langfuse.limiter.wait(active.settings.lag - quiet)


def _intersection(day: date, period: Period) -> tuple[int, int]:
    """The part of a day that is in the period, in milliseconds since 1970."""
    begin = datetime.combine(day, time.min, UTC)
    return started_ms(max(begin, period.since)), started_ms(min(begin + _DAY, period.until))


def _compare(active: Session, period: Period) -> list[Comparison]:
    records = langfuse_sums.sum_records(active.all_records().pages(period), active.ledger)
    stored: dict[langfuse_sums.Key, langfuse_sums.Sums] = {}
    days = {day for day, _ in records}
    day = max(min(days), period.since.date()) if days else period.until.date()
    while day <= max(days, default=day - _DAY):
        stored |= langfuse_sums.query_sums(active.langfuse, day, period.since, period.until)
        day += _DAY
    return langfuse_sums.compare(records, stored)


def _lost_and_duplicated(active: Session, page: list[SentSpan]) -> tuple[list[str], list[str]]:
    """The requests of a page that Langfuse does not have, and those that it has more than once."""
    stored = Counter(active.langfuse.stored_spans(page[0].started_ms, page[-1].started_ms + 1))
    copies = {sent.request_id: stored[span_ids(sent.request_id)] for sent in page}
    return [one for one, count in copies.items() if not count], [one for one in copies if copies[one] > 1]


def _examine(active: Session, days: list[date], period: Period, *, repair: bool) -> _Findings:
    # Spans that another process sent within the lag are not lost.
    findings, min_age = _Findings(), active.settings.lag
    for day in days:
        for page in active.ledger.accepted_pages(*_intersection(day, period), min_age):
            lost, duplicated = _lost_and_duplicated(active, page)
            findings.add(lost, duplicated)
            if repair and lost:
                active.ledger.plan_resend(lost, min_age)
    return findings


def _planned(active: Session, pages: Iterator[Page]) -> Iterator[Page]:
    """Limits each page to the records in state `planned`, which have been sent before."""
    for page in pages:
        states = active.ledger.states([one.record.request_id for one in page.records])
        records = [one for one in page.records if states.get(one.record.request_id) == "planned"]
        yield Page(records=records, scanned=page.scanned, completed_segments=[])


def _resend(active: Session, period: Period) -> int:
    with active.sender() as sender:
        for page in _planned(active, active.all_records().pages(period)):
            sender.send(page.records)
        return sender.counts.accepted


def _compare_and_mark(active: Session, period: Period) -> tuple[list[Comparison], list[date]]:
    """Compares, marks the days that agree as verified, and returns the days that differ."""
    _wait_until_stored(active)
    found = _compare(active, period)
    differing = {one.day for one in found if not one.agrees}
    for day in sorted({one.day for one in found} - differing):
        active.ledger.mark_verified(*_intersection(day, period))
    return found, sorted(differing)


def verify(
    settings: Settings, *, since: datetime | None = None, until: datetime | None = None, repair: bool = False
) -> Verification:
    """Compares Langfuse's sums of a period with the records; with `repair`, resends lost requests.

    Without `until` the period ends where the records are complete. Raises `EtlError`.
    """
    with session(settings) as active:
        period = active.period(since, until or active.source.complete_until())
        with active.sender() as sender:
            sender.recover()
        found, differing = _compare_and_mark(active, period)
        findings = _examine(active, differing, period, repair=repair)
        resent = _resend(active, period) if repair and findings.lost_count else 0
        if resent:
            found, _ = _compare_and_mark(active, period)
        return Verification(
            comparisons=found,
            lost=findings.lost,
            duplicated=findings.duplicated,
            lost_count=findings.lost_count,
            duplicated_count=findings.duplicated_count,
            resent=resent,
        )
