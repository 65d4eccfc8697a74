"""The ledger of the Langfuse export as a local file of SQLite, where there is no PostgreSQL."""

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
from etl.langfuse.ledger import Counts, Item, Refusal, Sent, Settled, State, pages
from etl.langfuse.span import started_ms

_PAGE: Final = 500
_BUSY_SECONDS: Final = 60.0


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LedgerError(
            f"the ledger {path} cannot be used: {reason}; name another with --ledger"
        ) from error


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()


class LocalLedger:
    """Implements `Ledger`. Beside the file lies a locked one for each process that uses it.

    Raises `LedgerError` when the file cannot be used.
    """

    def __init__(self, path: Path, base_url: str, project_id: str) -> None:
        self._path = path
        self._keys: dict[str, Any] = {"owner": secrets.token_hex(8)}
        with ExitStack() as failed, _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = failed.enter_context(self._lock_file(self._keys["owner"]).open("wb"))
            failed.callback(Path(self._lock.name).unlink)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            failed.callback(self._connection.close)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # What is committed must outlive a power cut: a forgotten request would be sent again.
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(named("langfuse_local_schema"))
            project = self._rows("langfuse_local_target", base_url=base_url, project_id=project_id)
            self._keys["target"] = project[0][0]
            self._close = failed.pop_all().close

    def _lock_file(self, owner: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{owner}.lock")

    def _rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with _translated(self._path):
            given = self._keys | values | {"now_ms": time.time_ns() // 1_000_000}
            return self._connection.execute(named(query), given).fetchall()

    def states(self, request_ids: Sequence[str]) -> dict[str, State]:
        """The states of those that have a row."""
        return dict(self._rows("langfuse_local_states", ids=_json(request_ids)))

    def claim(self, items: Sequence[Item]) -> dict[str, int]:
        """Makes those inflight that nobody has sent or is sending."""
        unique = {item.record.request_id: item for item in items}
        rows = [
            (request_id, started_ms(item.record.created_at), item.segment)
            for request_id, item in unique.items()
        ]
        return dict(self._rows("langfuse_local_claim", rows=_json(rows)))

    def settle(self, request_ids: Sequence[str], state: Settled, reason: str | None = None) -> None:
        """Says what became of requests that this process has inflight."""
        self._rows("langfuse_local_settle", ids=_json(request_ids), state=state, reason=reason)

    def adopt(self) -> list[Sent]:
        """Takes over what dead processes left inflight."""
        return [
            sent for (other,) in self._rows("langfuse_local_owners") for sent in self._adopted(str(other))
        ]

    def _adopted(self, other: str) -> list[Sent]:
        file = self._lock_file(other)
        with _translated(self._path), file.open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return []
            found = [Sent(*row) for row in self._rows("langfuse_local_adopt", other=other)]
            file.unlink(missing_ok=True)
        return found

    def lose(self, request_ids: Sequence[str], quiet: float) -> None:
        """Plans to send again what Langfuse took and does not have."""
        self._rows("langfuse_local_lose", ids=_json(request_ids), quiet=quiet)

    def taken(self, since_ms: int, until_ms: int, quiet: float) -> Iterator[list[Sent]]:
        """Pages of what Langfuse took and began in a time."""

        def ask(after: Sent) -> list[Sent]:
            place = {"after_ms": after.started_ms, "after_id": after.request_id}
            rows = self._rows("langfuse_local_taken", until_ms=until_ms, quiet=quiet, limit=_PAGE, **place)
            return [Sent(*row) for row in rows]

        return pages(ask, since_ms)

    def verify(self, since_ms: int, until_ms: int) -> None:
        """Makes verified what Langfuse took and began in a time."""
        self._rows("langfuse_local_verify", since_ms=since_ms, until_ms=until_ms)

    def counts(self) -> Counts:
        """How many requests are in which state."""
        (row,) = self._rows("langfuse_local_counts")
        return Counts(**dict(zip(Counts.__dataclass_fields__, row, strict=True)))

    def rejects(self, limit: int) -> list[Refusal]:
        """What Langfuse refused, the latest first."""
        return [Refusal(*row) for row in self._rows("langfuse_local_rejects", limit=limit)]

    def finished(self, segments: Sequence[str]) -> set[str]:
        """Those of the segments that need not be read again."""
        return {name for (name,) in self._rows("langfuse_local_finished", names=_json(segments))}

    def finish(self, segments: Sequence[str]) -> None:
        """Says that each request of these segments has a row."""
        self._rows("langfuse_local_finish", names=_json(segments))

    def close(self) -> None:
        """Closes the file, and gives up the lock that says this process lives."""
        with _translated(self._path):
            self._close()
