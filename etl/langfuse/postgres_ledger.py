"""The ledger of the Langfuse export in PostgreSQL, for any number of concurrent processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Self

import psycopg
from psycopg.rows import TupleRow, class_row

from etl.database.connection import connect, translate_errors
from etl.database.migrations import check_schema
from etl.database.queries import named
from etl.errors import DatabaseError
from etl.langfuse.ledger import Completed, Counts, PendingRecord, Rejection, SentSpan, State, pages
from etl.langfuse.span import started_ms

_PAGE_SIZE: Final = 500


class PostgresLedger:
    """Implements `Ledger`; every method is a separate transaction."""

    def __init__(self, connection: psycopg.Connection, base_url: str, project_id: str) -> None:
        self._connection = connection
        self._keys: dict[str, Any] = {}
        ((target,),) = self._rows("langfuse_target", base_url=base_url, project_id=project_id)
        ((owner, _),) = self._rows("langfuse_create_owner")
        self._keys = {"target": target, "owner": owner}

    @classmethod
    def open(cls, url: str, base_url: str, project_id: str) -> Self:
        """Raises `EtlError` when the database cannot be used."""
        connection = connect(url)
        try:
            check_schema(connection)
            return cls(connection, base_url, project_id)
        except BaseException:
            connection.close()
            raise

    def _rows(self, statement: str, **values: Any) -> list[TupleRow]:
        with translate_errors(self._connection):
            cursor = self._connection.execute(named(statement), self._keys | values)
            return cursor.fetchall() if cursor.description else []

    def states(self, request_ids: Sequence[str]) -> dict[str, State]:
        """The states of those requests that have a row."""
        return dict(self._rows("langfuse_states", ids=list(request_ids)))

    def claim(self, records: Sequence[PendingRecord]) -> dict[str, int]:
        """Makes those inflight that no process has sent or is sending."""
        unique = {one.record.request_id: one for one in records}
        rows = self._rows(
            "langfuse_claim",
            ids=list(unique),
            starts=[started_ms(one.record.created_at) for one in unique.values()],
            segments=[one.segment for one in unique.values()],
        )
        return dict(rows)

    def complete(self, request_ids: Sequence[str], state: Completed, reason: str | None = None) -> None:
        """Records the outcome of requests that this process has inflight."""
        self._rows("langfuse_set_state", ids=list(request_ids), state=state, reason=reason)

    def release(self, request_ids: Sequence[str]) -> None:
        """Makes requests planned that this process has inflight and that Langfuse does not have."""
        self._rows("langfuse_set_state", ids=list(request_ids), state="planned", reason=None)

    def claim_uncertain(self) -> list[SentSpan]:
        """Takes over what dead processes left inflight."""
        found: list[SentSpan] = []
        for (other,) in self._rows("langfuse_other_owners"):
            if self._rows("langfuse_try_lock_owner", other=other) == [(True,)]:
                found += [SentSpan(*row) for row in self._rows("langfuse_claim_uncertain", other=other)]
                self._rows("langfuse_unlock_owner", other=other)
        return found

    def plan_resend(self, request_ids: Sequence[str], min_age: float) -> None:
        """Makes requests planned that Langfuse accepted and does not have."""
        self._rows("langfuse_plan_resend", ids=list(request_ids), min_age=min_age)

    def accepted_pages(self, since_ms: int, until_ms: int, min_age: float) -> Iterator[list[SentSpan]]:
        """Pages of accepted spans that started in a period."""

        def fetch(after: SentSpan) -> list[SentSpan]:
            position = {"after_ms": after.started_ms, "after_id": after.request_id}
            limits = {"until_ms": until_ms, "min_age": min_age, "limit": _PAGE_SIZE}
            return [SentSpan(*row) for row in self._rows("langfuse_accepted", **limits, **position)]

        return pages(fetch, since_ms)

    def mark_verified(self, since_ms: int, until_ms: int) -> None:
        """Makes accepted requests of a period verified."""
        self._rows("langfuse_mark_verified", since_ms=since_ms, until_ms=until_ms)

    def counts(self) -> Counts:
        """Requests by state."""
        with (
            translate_errors(self._connection),
            self._connection.cursor(row_factory=class_row(Counts)) as cursor,
        ):
            found = cursor.execute(named("langfuse_counts"), self._keys).fetchone()
        if found is None:
            raise DatabaseError("PostgreSQL returned no counts of the Langfuse ledger")
        return found

    def rejections(self, limit: int) -> list[Rejection]:
        """Rejected requests, latest first."""
        return [Rejection(*row) for row in self._rows("langfuse_rejections", limit=limit)]

    def completed_segments(self, segments: Sequence[str]) -> set[str]:
        """Those of the segments that need not be read again."""
        return {name for (name,) in self._rows("langfuse_completed_segments", names=list(segments))}

    def complete_segments(self, segments: Sequence[str]) -> None:
        """Records that each request of these segments has a row."""
        self._rows("langfuse_complete_segments", names=list(segments))

    def close(self) -> None:
        """Closes the connection, which releases the lock of this process."""
        self._connection.close()
