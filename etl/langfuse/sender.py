"""Sends records to Langfuse, each once.

Each record is claimed in the ledger before it is sent. A request whose outcome is unknown is never repeated
blindly: after the time that Langfuse takes to store what it accepted, its spans are looked up there, and only
those that are missing are sent again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from etl.errors import LangfuseError, LangfuseRefusedError
from etl.langfuse.api import Langfuse
from etl.langfuse.connection import StoppedError
from etl.langfuse.content_index import ContentIndex
from etl.langfuse.ledger import UNCONFIRMED, Ledger, PendingRecord, SentSpan
from etl.langfuse.response import Outcome, SendResult
from etl.langfuse.span import Span, span_ids, to_span

MAX_SPANS: Final = 500
MAX_BYTES: Final = 3_000_000
_ATTEMPTS: Final = 6
_MAX_PAUSE: Final = 30.0
# So many refusals without any acceptance are taken for a fault of the server, not of the spans.
_MAX_REFUSALS: Final = 20


class _PreparedSpan(NamedTuple):
    """A span that is inflight in the ledger, its size in bytes, and whether it contains captured content."""

    sent: SentSpan
    span: Span
    size: int
    has_content: bool


@dataclass(kw_only=True, slots=True)
class SendCounts:
    """Requests that one sender has dealt with so far; `recovered` ones were sent by a process that died."""

    accepted: int = 0
    rejected: int = 0
    recovered: int = 0


class Sender:
    """Sends to one project. Langfuse may need `lag` seconds after a request to store its spans."""

    def __init__(
        self, langfuse: Langfuse, ledger: Ledger, contents: ContentIndex, *, environment: str, lag: float
    ) -> None:
        self._langfuse = langfuse
        self._ledger = ledger
        self._contents = contents
        self._environment = environment
        self._lag = lag
        self._failures = 0
        # Requests that are inflight in the ledger and certainly not stored by Langfuse.
        self._not_stored: set[str] = set()
        self._refused: dict[str, str] = {}
        self.counts = SendCounts()

    def recover(self) -> bool:
        """Looks up what dead processes were sending; returns whether there was anything.

        What Langfuse does not have is released, and sent when its record is read again.
        """
        uncertain = sorted(self._ledger.claim_uncertain(), key=lambda sent: sent.started_ms)
        for start in range(0, len(uncertain), MAX_SPANS):
            batch = uncertain[start : start + MAX_SPANS]
            missing = self._missing(batch)
            self._accept_stored(batch, missing)
            self._ledger.release([*missing])
            self.counts.recovered += len(batch) - len(missing)
        return bool(uncertain)

    def send(self, records: Sequence[PendingRecord]) -> None:
        """Sends those of the records that no process has sent or is sending.

        Raises `LangfuseError` when Langfuse gives no certain answer for long, and `StoppedError`; what was
        not sent is released then. If the process is killed, the rest stays inflight for `recover`.
        """
        states = self._ledger.states([one.record.request_id for one in records])
        unconfirmed = [one for one in records if states.get(one.record.request_id) in UNCONFIRMED]
        starts = self._ledger.claim(unconfirmed) if unconfirmed else {}
        self._not_stored, self._refused = set(starts), {}
        try:
            for batch in self._batches(unconfirmed, starts):
                self._send_batch(batch)
            self._reject_refused()
        except (StoppedError, LangfuseError):
            if self._not_stored:
                self._ledger.release([*self._not_stored])
            raise

    def _batches(
        self, records: Sequence[PendingRecord], starts: dict[str, int]
    ) -> Iterator[list[_PreparedSpan]]:
        batch: list[_PreparedSpan] = []
        size = 0
        for record in {one.record.request_id: one.record for one in records}.values():
            if record.request_id not in starts:
                continue  # claimed by another process
            content = self._contents.get(record)
            sent = SentSpan(record.request_id, starts[record.request_id])
            span = to_span(record, sent.started_ms, content, self._environment)
            prepared = _PreparedSpan(sent, span, len(msgspec.json.encode(span)), content is not None)
            if batch and (size + prepared.size > MAX_BYTES or len(batch) == MAX_SPANS):
                yield batch
                batch, size = [], 0
            batch.append(prepared)
            size += prepared.size
        if batch:
            yield batch

    def _send_batch(self, batch: list[_PreparedSpan]) -> None:
        while batch:
            result = self._send_until_received(batch)
            if result.outcome is Outcome.REFUSED:
                self._bisect_refused(batch, result)
                return
            self._not_stored.difference_update(one.sent.request_id for one in batch)
            if result.outcome is Outcome.ACCEPTED:
                self._accept([one.sent.request_id for one in batch])
                return
            missing = self._missing([one.sent for one in batch])
            self._accept_stored([one.sent for one in batch], missing)
            self._not_stored |= missing
            batch = [one for one in batch if one.sent.request_id in missing]
            self._count_failure(result)

    def _send_until_received(self, batch: list[_PreparedSpan]) -> SendResult:
        """Repeats a request until the server may have received the spans."""
        while True:
            result = self._langfuse.send([one.span for one in batch])
            if result.outcome is not Outcome.NOT_SENT:
                return result
            if result.retry_after is None:
                self._count_failure(result)
            self._langfuse.limiter.wait(result.retry_after or min(2.0**self._failures / 2, _MAX_PAUSE))

    def _count_failure(self, result: SendResult) -> None:
        self._failures += 1
        if self._failures >= _ATTEMPTS:
            raise LangfuseError(
                f"Langfuse at {self._langfuse.base_url} {result.reason}; the rest was not sent, run again"
            )

    def _bisect_refused(self, batch: list[_PreparedSpan], result: SendResult) -> None:
        """Sends each half of a refused batch, to find the spans that the server refuses."""
        if len(batch) > 1:
            middle = len(batch) // 2
            self._send_batch(batch[:middle])
            self._send_batch(batch[middle:])
            return
        (one,) = batch
        # The server's message may quote the span, and more people can read reasons than prompts.
        reason = result.reason.partition(":")[0] if one.has_content else result.reason
        self._refused[one.sent.request_id] = reason
        if len(self._refused) >= _MAX_REFUSALS and not self.counts.accepted:
            raise LangfuseRefusedError(
                f"Langfuse at {self._langfuse.base_url} refuses every span: {reason}; nothing was rejected"
            )

    def _accept(self, request_ids: list[str]) -> None:
        self._ledger.complete(request_ids, "accepted")
        self.counts.accepted += len(request_ids)
        self._failures = 0

    def _reject_refused(self) -> None:
        for request_id, reason in self._refused.items():
            self._ledger.complete([request_id], "rejected", reason)
        self.counts.rejected += len(self._refused)
        self._not_stored.difference_update(self._refused)
        self._refused = {}

    def _accept_stored(self, batch: Sequence[SentSpan], missing: set[str]) -> None:
        stored = [sent.request_id for sent in batch if sent.request_id not in missing]
        if stored:
            self._accept(stored)

    def _missing(self, batch: Sequence[SentSpan]) -> set[str]:
        """The requests that Langfuse does not have, after the time that it may need to store them."""
        deadline = time.monotonic() + self._lag
        missing = {span_ids(sent.request_id): sent.request_id for sent in batch}
        since, until = min(sent.started_ms for sent in batch), max(sent.started_ms for sent in batch) + 1
        while True:
            is_last = time.monotonic() >= deadline
            for stored in self._langfuse.stored_spans(since, until):
                missing.pop(stored, None)
            if is_last or not missing:
                return set(missing.values())
            self._langfuse.limiter.wait(min(self._lag / 10, max(0.0, deadline - time.monotonic())))
