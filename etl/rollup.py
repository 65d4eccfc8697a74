"""The rollups: `usage_hourly`, summed while records are loaded, and `usage_daily`, refreshed from it.

Each is a function of `usage_records` and could be thrown away and made again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import psycopg

from etl.database import translated
from etl.queries import named
from proxy.record import UsageRecord, as_milliseconds, as_money

Key = tuple[datetime, str, str, str]


class Sums:
    """The measures of one hour, user, team and model; money stays None until a price is known."""

    __slots__ = (
        "cache_hits",
        "completion_tokens",
        "cost_usd",
        "errors",
        "estimated_cost_usd",
        "estimated_requests",
        "latency_ms",
        "prompt_tokens",
        "requests",
        "total_tokens",
        "unpriced_requests",
    )

    def __init__(self) -> None:
        self.requests = self.errors = self.cache_hits = 0
        self.prompt_tokens = self.completion_tokens = self.total_tokens = 0
        self.unpriced_requests = self.estimated_requests = 0
        self.cost_usd: Decimal | None = None
        self.estimated_cost_usd: Decimal | None = None
        self.latency_ms = Decimal(0)

    def add(self, record: UsageRecord) -> None:
        """Counts one record."""
        self.requests += 1
        self.errors += record.is_error
        self.cache_hits += record.cache_hit
        self.prompt_tokens += record.prompt_tokens
        self.completion_tokens += record.completion_tokens
        self.total_tokens += record.total_tokens
        self.latency_ms += as_milliseconds(record.latency_ms)
        estimated = record.usage_source == "estimated"
        self.estimated_requests += estimated
        if record.cost_usd is None:
            self.unpriced_requests += 1
            return
        cost = as_money(record.cost_usd)
        self.cost_usd = cost + (self.cost_usd or 0)
        if estimated:
            self.estimated_cost_usd = cost + (self.estimated_cost_usd or 0)

    def values(self) -> tuple[object, ...]:
        """In the order of the columns of `usage_hourly`."""
        return (
            self.requests,
            self.errors,
            self.cache_hits,
            self.prompt_tokens,
            self.completion_tokens,
            self.total_tokens,
            self.cost_usd,
            self.unpriced_requests,
            self.estimated_requests,
            self.estimated_cost_usd,
            self.latency_ms,
        )


class Hours:
    """Sums per hour, user, team and model of the records of a load; `flush` sends them to the database.

    `flush` may be called as often as memory asks for it: `upsert` adds up what was flushed. Decimals are
    exact only in a context with enough digits, which the caller sets.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._sums: dict[Key, Sums] = {}

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, record: UsageRecord) -> None:
        """Counts one record."""
        hour = record.created_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        key = (hour, record.user_id, record.team_id, record.model)
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = Sums()
        sums.add(record)

    def flush(self) -> None:
        """Moves the sums to the temporary table `loading_hours`."""
        if not self._sums:
            return
        with self._connection.cursor() as cursor, cursor.copy(named("copy_loading_hours")) as copy:
            for key, sums in self._sums.items():
                copy.write_row((*key, *sums.values()))
        self._sums.clear()


def upsert(connection: psycopg.Connection) -> None:
    """Adds what `loading_hours` holds to `usage_hourly`, in the caller's transaction."""
    connection.execute(named("upsert_usage_hourly"))


def refresh(connection: psycopg.Connection, *, force: bool = True) -> bool:
    """Makes `usage_daily` show every load committed so far; readers go on reading meanwhile.

    Without `force` only when something was loaded since the last time. Gives whether it was refreshed.
    Raises `EtlError`.
    """
    with translated(connection), connection.transaction():
        stale = connection.execute(named("take_unrefreshed")).rowcount > 0
        if not (stale or force):
            return False
        connection.execute(named("refresh_usage_daily"))
        connection.execute(named("set_refreshed_at"))
    return True
