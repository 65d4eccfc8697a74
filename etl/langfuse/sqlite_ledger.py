"""The ledger of the Langfuse export in a local SQLite file, for use without PostgreSQL."""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from etl.database.queries import named
from etl.errors import LedgerError
from etl.langfuse.ledger import Completed, Counts, PendingRecord, Rejection, SentSpan, State, pages
from etl.langfuse.span import started_ms

_PAGE_SIZE: Final = 500
_BUSY_SECONDS: Final = 60.0


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LedgerError(
            f"the ledger {path} cannot be used: {reason}; name another with --ledger"
        ) from error


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()


class SqliteLedger:
    """Implements `Ledger`. Each process that uses the file holds a lock on a separate file beside it.

    Raises `LedgerError` when the file cannot be used.
    """

    def __init__(self, path: Path, base_url: str, project_id: str) -> None:
        self._path = path
        self._keys: dict[str, Any] = {"owner": secrets.token_hex(8)}
        with ExitStack() as on_error, _translate_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = on_error.enter_context(self._lock_file(self._keys["owner"]).open("wb"))
            on_error.callback(Path(self._lock.name).unlink)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            on_error.callback(self._connection.close)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # Commits must survive a power failure: a request that is lost here would be sent twice.
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(named("langfuse_local_schema"))
            project = self._rows("langfuse_local_target", base_url=base_url, project_id=project_id)
            self._keys["target"] = project[0][0]
            self._close = on_error.pop_all().close

    def _lock_file(self, owner: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{owner}.lock")

    def _rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with _translate_errors(self._path):
            parameters = self._keys | values | {"now_ms": time.time_ns() // 1_000_000}
            return self._connection.execute(named(statement), parameters).fetchall()

    def states(self, request_ids: Sequence[str]) -> dict[str, State]:
        """The states of those requests that have a row."""
        return dict(self._rows("langfuse_local_states", ids=_json(request_ids)))

    def claim(self, records: Sequence[PendingRecord]) -> dict[str, int]:
        """Makes those inflight that no process has sent or is sending."""
        unique = {one.record.request_id: one for one in records}
        rows = [
            (request_id, started_ms(one.record.created_at), one.segment) for request_id, one in unique.items()
        ]
        return dict(self._rows("langfuse_local_claim", rows=_json(rows)))

    def complete(self, request_ids: Sequence[str], state: Completed, reason: str | None = None) -> None:
        """Records the outcome of requests that this process has inflight."""
        self._rows("langfuse_local_set_state", ids=_json(request_ids), state=state, reason=reason)

    def release(self, request_ids: Sequence[str]) -> None:
        """Makes requests planned that this process has inflight and that Langfuse does not have."""
        self._rows("langfuse_local_set_state", ids=_json(request_ids), state="planned", reason=None)

    def claim_uncertain(self) -> list[SentSpan]:
        """Takes over what dead processes left inflight."""
        owners = [str(other) for (other,) in self._rows("langfuse_local_other_owners")]
        return [span for other in owners for span in self._claim_of(other)]

    def _claim_of(self, other: str) -> list[SentSpan]:
        file = self._lock_file(other)
        with _translate_errors(self._path), file.open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return []
            found = [SentSpan(*row) for row in self._rows("langfuse_local_claim_uncertain", other=other)]
            file.unlink(missing_ok=True)
        return found

    def plan_resend(self, request_ids: Sequence[str], min_age: float) -> None:
        """Makes requests planned that Langfuse accepted and does not have."""
        self._rows("langfuse_local_plan_resend", ids=_json(request_ids), min_age=min_age)

    def accepted_pages(self, since_ms: int, until_ms: int, min_age: float) -> Iterator[list[SentSpan]]:
        """Pages of accepted spans that started in a period."""

        def fetch(after: SentSpan) -> list[SentSpan]:
            position = {"after_ms": after.started_ms, "after_id": after.request_id}
            limits = {"until_ms": until_ms, "min_age": min_age, "limit": _PAGE_SIZE}
            return [SentSpan(*row) for row in self._rows("langfuse_local_accepted", **limits, **position)]

        return pages(fetch, since_ms)

    def mark_verified(self, since_ms: int, until_ms: int) -> None:
        """Makes accepted requests of a period verified."""
        self._rows("langfuse_local_mark_verified", since_ms=since_ms, until_ms=until_ms)

    def counts(self) -> Counts:
        """Requests by state."""
        with _translate_errors(self._path):
            cursor = self._connection.cursor()
            cursor.row_factory = sqlite3.Row
            parameters = self._keys | {"now_ms": time.time_ns() // 1_000_000}
            row = cursor.execute(named("langfuse_local_counts"), parameters).fetchone()
        return Counts(**dict(row))

    def rejections(self, limit: int) -> list[Rejection]:
        """Rejected requests, latest first."""
        return [Rejection(*row) for row in self._rows("langfuse_local_rejections", limit=limit)]

    def completed_segments(self, segments: Sequence[str]) -> set[str]:
        """Those of the segments that need not be read again."""
        return {name for (name,) in self._rows("langfuse_local_completed_segments", names=_json(segments))}

    def complete_segments(self, segments: Sequence[str]) -> None:
        """Records that each request of these segments has a row."""
        self._rows("langfuse_local_complete_segments", names=_json(segments))

    def close(self) -> None:
        """Closes the file and releases the lock of this process."""
        with _translate_errors(self._path):
            self._close()
