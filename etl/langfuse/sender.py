"""Sends records to Langfuse, each once: the ledger before the request, and what is uncertain read back.

A request whose outcome is not known is never repeated as it was. After the time that Langfuse takes to store
what it accepted, its spans are looked for there, and those that are missing are sent again.
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
from etl.langfuse.content import CapturedContents
from etl.langfuse.ledger import UNSENT, Item, Ledger, Sent
from etl.langfuse.response import Answer, Fate
from etl.langfuse.span import Span, ids, to_span

MAX_SPANS: Final = 500
MAX_BYTES: Final = 3_000_000
_ATTEMPTS: Final = 6
_LONGEST_PAUSE: Final = 30.0
_SUSPICIOUS: Final = 20


class _Ready(NamedTuple):
    """A span that is inflight in the ledger, its size in bytes, and whether it holds captured content."""

    sent: Sent
    span: Span
    size: int
    private: bool


@dataclass(kw_only=True, slots=True)
class Account:
    """What one sender has done so far, in requests."""

    accepted: int = 0
    rejected: int = 0
    recovered: int = 0


class Sender:
    """Sends to one project. For `lag` seconds after a request Langfuse may still be storing its spans."""

    def __init__(
        self, langfuse: Langfuse, ledger: Ledger, contents: CapturedContents, *, environment: str, lag: float
    ) -> None:
        self._langfuse = langfuse
        self._ledger = ledger
        self._contents = contents
        self._environment = environment
        self._lag = lag
        self._failures = 0
        # Inflight in the ledger, but certainly not stored.
        self._certain: set[str] = set()
        self._refused: dict[str, str] = {}
        self.account = Account()

    def recover(self) -> bool:
        """Finds out about what dead processes were sending; whether there was anything.

        What Langfuse does not have is planned, and sent again when its record comes by.
        """
        orphans = sorted(self._ledger.adopt(), key=lambda sent: sent.started_ms)
        for start in range(0, len(orphans), MAX_SPANS):
            batch = orphans[start : start + MAX_SPANS]
            missing = self._missing(batch)
            self._settle_found(batch, missing)
            self._ledger.settle([*missing], "planned")
            self.account.recovered += len(batch) - len(missing)
        return bool(orphans)

    def deliver(self, items: Sequence[Item]) -> None:
        """Sends those of the records that nobody has sent or is sending.

        Raises `LangfuseError` when Langfuse gives no certain answer for long, and `StoppedError`; what was
        not sent is planned then. Killed anywhere, the rest is inflight, and `recover` finds out about it.
        """
        states = self._ledger.states([item.record.request_id for item in items])
        wanted = [item for item in items if states.get(item.record.request_id) in UNSENT]
        starts = self._ledger.claim(wanted) if wanted else {}
        self._certain, self._refused = set(starts), {}
        try:
            for batch in self._batches(wanted, starts):
                self._send(batch)
            self._reject()
        except (StoppedError, LangfuseError):
            if self._certain:
                self._ledger.settle([*self._certain], "planned")
            raise

    def _batches(self, items: Sequence[Item], starts: dict[str, int]) -> Iterator[list[_Ready]]:
        batch: list[_Ready] = []
        size = 0
        for record in {item.record.request_id: item.record for item in items}.values():
            if record.request_id not in starts:
                continue  # another process was faster
            content = self._contents.get(record)
            sent = Sent(record.request_id, starts[record.request_id])
            span = to_span(record, sent.started_ms, content, self._environment)
            ready = _Ready(sent, span, len(msgspec.json.encode(span)), content is not None)
            if batch and (size + ready.size > MAX_BYTES or len(batch) == MAX_SPANS):
                yield batch
                batch, size = [], 0
            batch.append(ready)
            size += ready.size
        if batch:
            yield batch

    def _send(self, batch: list[_Ready]) -> None:
        while batch:
            answer = self._answered(batch)
            if answer.fate is Fate.REFUSED:
                self._halve(batch, answer)
                return
            self._certain.difference_update(one.sent.request_id for one in batch)
            if answer.fate is Fate.ACCEPTED:
                self._accept([one.sent.request_id for one in batch])
                return
            missing = self._missing([one.sent for one in batch])
            self._settle_found([one.sent for one in batch], missing)
            self._certain |= missing
            batch = [one for one in batch if one.sent.request_id in missing]
            self._fail(answer)

    def _answered(self, batch: list[_Ready]) -> Answer:
        """Sends until the server has at least seen the spans."""
        while True:
            answer = self._langfuse.send([one.span for one in batch])
            if answer.fate is not Fate.NOT_SENT:
                return answer
            if answer.retry_after is None:
                self._fail(answer)
            self._langfuse.pace.wait(answer.retry_after or min(2.0**self._failures / 2, _LONGEST_PAUSE))

    def _fail(self, answer: Answer) -> None:
        self._failures += 1
        if self._failures >= _ATTEMPTS:
            raise LangfuseError(
                f"Langfuse at {self._langfuse.base_url} {answer.reason}; what was not sent waits, run again"
            )

    def _halve(self, batch: list[_Ready], answer: Answer) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
            return
        (one,) = batch
        # The server's words may quote the span, and a reason is shown to more people than a prompt is.
        reason = answer.reason.partition(":")[0] if one.private else answer.reason
        self._refused[one.sent.request_id] = reason
        if len(self._refused) >= _SUSPICIOUS and not self.account.accepted:
            raise LangfuseRefusedError(
                f"Langfuse at {self._langfuse.base_url} refuses every span: {reason}; nothing was rejected"
            )

    def _accept(self, request_ids: list[str]) -> None:
        self._ledger.settle(request_ids, "accepted")
        self.account.accepted += len(request_ids)
        self._failures = 0

    def _reject(self) -> None:
        for request_id, reason in self._refused.items():
            self._ledger.settle([request_id], "rejected", reason)
        self.account.rejected += len(self._refused)
        self._certain.difference_update(self._refused)
        self._refused = {}

    def _settle_found(self, batch: Sequence[Sent], missing: set[str]) -> None:
        found = [sent.request_id for sent in batch if sent.request_id not in missing]
        if found:
            self._accept(found)

    def _missing(self, batch: Sequence[Sent]) -> set[str]:
        """Those that Langfuse does not have, after the time that it may take to store them."""
        deadline = time.monotonic() + self._lag
        left = {ids(sent.request_id): sent.request_id for sent in batch}
        since, until = min(sent.started_ms for sent in batch), max(sent.started_ms for sent in batch) + 1
        while True:
            due = time.monotonic() >= deadline
            for stored in self._langfuse.stored(since, until):
                left.pop(stored, None)
            if due or not left:
                return set(left.values())
            self._langfuse.pace.wait(min(self._lag / 10, max(0.0, deadline - time.monotonic())))
