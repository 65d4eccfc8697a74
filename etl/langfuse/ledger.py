"""The ledger of the export: the state of each request at one project of one Langfuse server.

A request is claimed (`inflight`, committed) before its span is sent, and completed or released after the
outcome is known. What a process leaves inflight when it dies is uncertain; other processes take it over,
because a process holds a lock while it lives. There is no time-out and so no guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

from etl.langfuse.span import from_milliseconds
from proxy.segments.record import UsageRecord

State = Literal["planned", "inflight", "accepted", "verified", "rejected"]
Completed = Literal["accepted", "rejected"]
UNCONFIRMED: Final = frozenset((None, "planned", "inflight"))
"""For a request in one of these states (None: no row) it is not certain that Langfuse has it."""


class PendingRecord(NamedTuple):
    """A record to send, and the segment it was read from (None: from `usage_records`)."""

    record: UsageRecord
    segment: str | None


class SentSpan(NamedTuple):
    """A span that was sent, or may have been: its request, and its start in milliseconds since 1970."""

    request_id: str
    started_ms: int


class Rejection(NamedTuple):
    """A request whose span Langfuse rejected, and why."""

    request_id: str
    started_ms: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Requests by state. The last acceptance that is not verified yet was `quiet_seconds` ago."""

    planned: int
    inflight: int
    accepted: int
    verified: int
    rejected: int
    quiet_seconds: float | None
    first_open_ms: int | None
    last_verified_ms: int | None

    @property
    def verified_until(self) -> datetime | None:
        """The time before which all requests in the ledger are verified or rejected; None without any."""
        if self.last_verified_ms is None:
            return None
        return from_milliseconds(
            min(self.last_verified_ms + 1, self.first_open_ms or self.last_verified_ms + 1)
        )


def pages(fetch: Callable[[SentSpan], list[SentSpan]], since_ms: int) -> Iterator[list[SentSpan]]:
    """Yields page after page; `fetch` returns the spans after a given one."""
    page = fetch(SentSpan("", since_ms))
    while page:
        yield page
        page = fetch(page[-1])


class Ledger(Protocol):
    """The ledger of one project, as used by one process. All methods raise `EtlError` when it is unusable."""

    def states(self, request_ids: Sequence[str]) -> dict[str, State]:
        """The states of those requests that have a row."""

    def claim(self, records: Sequence[PendingRecord]) -> dict[str, int]:
        """Makes those `inflight` that no process has sent or is sending.

        Returns the start of each claimed span, in milliseconds since 1970.
        """

    def complete(self, request_ids: Sequence[str], state: Completed, reason: str | None = None) -> None:
        """Records the outcome of requests that this process has inflight."""

    def release(self, request_ids: Sequence[str]) -> None:
        """Makes requests `planned` that this process has inflight and that Langfuse does not have."""

    def claim_uncertain(self) -> list[SentSpan]:
        """Takes over what dead processes left inflight: it is unknown whether Langfuse has it."""

    def plan_resend(self, request_ids: Sequence[str], min_age: float) -> None:
        """Makes requests `planned` that were accepted at least `min_age` seconds ago and are missing."""

    def accepted_pages(self, since_ms: int, until_ms: int, min_age: float) -> Iterable[list[SentSpan]]:
        """Pages of spans of a period that were accepted at least `min_age` seconds ago, by start."""

    def mark_verified(self, since_ms: int, until_ms: int) -> None:
        """Makes accepted requests of a period `verified`."""

    def counts(self) -> Counts:
        """Requests by state."""

    def rejections(self, limit: int) -> list[Rejection]:
        """Rejected requests, latest first."""

    def completed_segments(self, segments: Sequence[str]) -> set[str]:
        """Those of the segments that need not be read again."""

    def complete_segments(self, segments: Sequence[str]) -> None:
        """Records that each request of these segments has a row."""

    def close(self) -> None:
        """Closes the ledger; other processes then take over what this one has inflight."""
