"""The ledger of the export: what became of each request at one project of one Langfuse server.

`inflight` is committed before a request to Langfuse and settled after it. What a process leaves inflight when
it dies is found by the others, because a process holds a lock while it lives: no time-out, so no guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

from etl.langfuse.span import moment
from proxy.segments.record import UsageRecord

State = Literal["planned", "inflight", "accepted", "verified", "rejected"]
Settled = Literal["planned", "accepted", "rejected"]
UNSENT: Final = frozenset((None, "planned", "inflight"))
"""Of a request in one of these states (None: it has no row) it is not certain that Langfuse has it."""


class Item(NamedTuple):
    """A record to send, and the segment it was read from (None: from `usage_records`)."""

    record: UsageRecord
    segment: str | None


class Sent(NamedTuple):
    """A span that was sent, or may have been: its request, and the start in milliseconds since 1970."""

    request_id: str
    started_ms: int


class Refusal(NamedTuple):
    """A request whose span Langfuse refused, and why."""

    request_id: str
    started_ms: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Requests by state. `quiet_seconds` ago Langfuse last took something that is not verified."""

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
        """All in the ledger that began before it is verified or rejected; None: nothing is verified."""
        if self.last_verified_ms is None:
            return None
        return moment(min(self.last_verified_ms + 1, self.first_open_ms or self.last_verified_ms + 1))


def pages(ask: Callable[[Sent], list[Sent]], since_ms: int) -> Iterator[list[Sent]]:
    """Page after page of what `ask` gives after a place, from a start on."""
    page = ask(Sent("", since_ms))
    while page:
        yield page
        page = ask(page[-1])


class Ledger(Protocol):
    """One project's ledger as one process uses it. All methods raise `EtlError` when it cannot be used."""

    def states(self, request_ids: Sequence[str]) -> dict[str, State]:
        """The states of those that have a row."""

    def claim(self, items: Sequence[Item]) -> dict[str, int]:
        """Makes those `inflight` that nobody has sent or is sending; gives the starts they are sent with."""

    def settle(self, request_ids: Sequence[str], state: Settled, reason: str | None = None) -> None:
        """Says what became of requests that this process has inflight."""

    def adopt(self) -> list[Sent]:
        """Takes over what dead processes left inflight: nobody knows whether Langfuse has it."""

    def lose(self, request_ids: Sequence[str], quiet: float) -> None:
        """Plans to send again what Langfuse took at least `quiet` seconds ago and does not have."""

    def taken(self, since_ms: int, until_ms: int, quiet: float) -> Iterable[list[Sent]]:
        """Pages of what Langfuse took at least `quiet` seconds ago and began in a time, by their starts."""

    def verify(self, since_ms: int, until_ms: int) -> None:
        """Makes `verified` what Langfuse took and began in a time."""

    def counts(self) -> Counts:
        """How many requests are in which state."""

    def rejects(self, limit: int) -> list[Refusal]:
        """What Langfuse refused, the latest first."""

    def finished(self, segments: Sequence[str]) -> set[str]:
        """Those of the segments that need not be read again."""

    def finish(self, segments: Sequence[str]) -> None:
        """Says that each request of these segments has a row."""

    def close(self) -> None:
        """Ends the use; from then on others take what this process has inflight."""
