"""The ledger of the Langfuse export in PostgreSQL; any number of processes use it at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Self

import psycopg
from psycopg.rows import TupleRow, class_row

from etl.database.connection import connect, translate_errors
from etl.database.migrations import check_schema
from etl.database.queries import named
from etl.errors import DatabaseError
from etl.langfuse.ledger import Counts, Item, Refusal, Sent, Settled, State, pages
from etl.langfuse.span import started_ms

_PAGE: Final = 500


class PostgresLedger:
    """Implements `Ledger`; every method is one transaction of its own."""

    def __init__(self, connection: psycopg.Connection, base_url: str, project_id: str) -> None:
        self._connection = connection
        self._keys: dict[str, Any] = {}
        ((target,),) = self._rows("langfuse_target", base_url=base_url, project_id=project_id)
        ((owner, _),) = self._rows("langfuse_owner")
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

    def _rows(self, query: str, **values: Any) -> list[TupleRow]:
        with translate_errors(self._connection):
            cursor = self._connection.execute(named(query), self._keys | values)
            return cursor.fetchall() if cursor.description else []

    def states(self, request_ids: Sequence[str]) -> dict[str, State]:
        """The states of those that have a row."""
        return dict(self._rows("langfuse_states", ids=list(request_ids)))

    def claim(self, items: Sequence[Item]) -> dict[str, int]:
        """Makes those inflight that nobody has sent or is sending."""
        unique = {item.record.request_id: item for item in items}
        rows = self._rows(
            "langfuse_claim",
            ids=list(unique),
            starts=[started_ms(item.record.created_at) for item in unique.values()],
            segments=[item.segment for item in unique.values()],
        )
        return dict(rows)

    def settle(self, request_ids: Sequence[str], state: Settled, reason: str | None = None) -> None:
        """Says what became of requests that this process has inflight."""
        self._rows("langfuse_settle", ids=list(request_ids), state=state, reason=reason)

    def adopt(self) -> list[Sent]:
        """Takes over what dead processes left inflight."""
        found: list[Sent] = []
        for (other,) in self._rows("langfuse_owners"):
            if self._rows("langfuse_try_owner", other=other) == [(True,)]:
                found += [Sent(*row) for row in self._rows("langfuse_adopt", other=other)]
                self._rows("langfuse_free_owner", other=other)
        return found

    def lose(self, request_ids: Sequence[str], quiet: float) -> None:
        """Plans to send again what Langfuse took and does not have."""
        self._rows("langfuse_lose", ids=list(request_ids), quiet=quiet)

    def taken(self, since_ms: int, until_ms: int, quiet: float) -> Iterator[list[Sent]]:
        """Pages of what Langfuse took and began in a time."""

        def ask(after: Sent) -> list[Sent]:
            place = {"after_ms": after.started_ms, "after_id": after.request_id}
            rows = self._rows("langfuse_taken", until_ms=until_ms, quiet=quiet, limit=_PAGE, **place)
            return [Sent(*row) for row in rows]

        return pages(ask, since_ms)

    def verify(self, since_ms: int, until_ms: int) -> None:
        """Makes verified what Langfuse took and began in a time."""
        self._rows("langfuse_verify", since_ms=since_ms, until_ms=until_ms)

    def counts(self) -> Counts:
        """How many requests are in which state."""
        with (
            translate_errors(self._connection),
            self._connection.cursor(row_factory=class_row(Counts)) as cursor,
        ):
            found = cursor.execute(named("langfuse_counts"), self._keys).fetchone()
        if found is None:
            raise DatabaseError("PostgreSQL gave no counts of the Langfuse ledger")
        return found

    def rejects(self, limit: int) -> list[Refusal]:
        """What Langfuse refused, the latest first."""
        return [Refusal(*row) for row in self._rows("langfuse_rejects", limit=limit)]

    def finished(self, segments: Sequence[str]) -> set[str]:
        """Those of the segments that need not be read again."""
        return {name for (name,) in self._rows("langfuse_finished", names=list(segments))}

    def finish(self, segments: Sequence[str]) -> None:
        """Says that each request of these segments has a row."""
        self._rows("langfuse_finish", names=list(segments))

    def close(self) -> None:
        """Ends the connection, and with it the lock that says this process lives."""
        self._connection.close()
