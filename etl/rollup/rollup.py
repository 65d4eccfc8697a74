"""The rollups: `usage_hourly`, of which each load writes a part, and `usage_daily`, refreshed from it.

Each is a function of `usage_records` and could be thrown away and made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
import psycopg

from etl.database.connection import translate_errors
from etl.database.queries import named
from etl.records.rows import to_csv
from etl.segments.blocks import Block, QuickRecord
from proxy.segments.record import UsageRecord, as_milliseconds, as_money, is_error

_DAY: Final = len("2026-11-01")
_HOUR: Final = len("2026-11-01T09")

Key = tuple[str, str, str, str]
"""The UTC hour as `2026-11-01T09`, user, team, model."""


class Sums(msgspec.Struct, array_like=True, gc=False):
    """A row of `usage_hourly_parts`, its columns in their order; money stays None until a price is known."""

    hour: str
    user_id: str
    team_id: str
    model: str
    requests: int
    errors: int
    cache_hits: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: Decimal | None
    unpriced_requests: int
    estimated_requests: int
    estimated_cost_usd: Decimal | None
    latency_ms: Decimal | str

    @classmethod
    def of(
        cls, key: Key, record: UsageRecord | QuickRecord, cost: Decimal | None, latency: Decimal | str
    ) -> Sums:
        """Those of one record. Most groups of a load have only one or two: so this is not `add` to zeros."""
        hour, user_id, team_id, model = key
        estimated = record.usage_source == "estimated"
        return cls(
            f"{hour}:00:00Z",
            user_id,
            team_id,
            model,
            1,
            1 if is_error(record.status, record.error) else 0,
            1 if record.cache_hit else 0,
            record.prompt_tokens,
            record.completion_tokens,
            record.total_tokens,
            cost,
            1 if cost is None else 0,
            1 if estimated else 0,
            cost if estimated else None,
            latency,
        )

    def add(self, record: UsageRecord | QuickRecord, cost: Decimal | None, latency: Decimal | str) -> None:
        """Counts one record, whose cost and latency are given as every store rounds them."""
        self.requests += 1
        if is_error(record.status, record.error):
            self.errors += 1
        if record.cache_hit:
            self.cache_hits += 1
        self.prompt_tokens += record.prompt_tokens
        self.completion_tokens += record.completion_tokens
        self.total_tokens += record.total_tokens
        self.latency_ms = Decimal(self.latency_ms) + Decimal(latency)
        estimated = record.usage_source == "estimated"
        if estimated:
            self.estimated_requests += 1
        if cost is None:
            self.unpriced_requests += 1
            return
        self.cost_usd = cost if self.cost_usd is None else self.cost_usd + cost
        if estimated:
            self.estimated_cost_usd = cost + (self.estimated_cost_usd or 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class When:
    """Of the records of a load: their first and last UTC hour (None: there are none) and their UTC days."""

    first_hour: str | datetime | None
    last_hour: str | datetime | None
    days: list[str]


class Hours:
    """Sums per hour, user, team and model of the records of a load; `flush` sends them to the database.

    `flush` may be called as often as memory asks for it. Decimals are exact only in a context with enough
    digits, which the caller sets.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._sums: dict[Key, Sums] = {}
        self._ends: set[str] = set()
        self._days: set[str] = set()

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, record: UsageRecord) -> None:
        """Counts one record."""
        cost = None if record.cost_usd is None else as_money(record.cost_usd)
        moment = msgspec.to_builtins(record.created_at.astimezone(UTC))
        self._add([moment], [record], [cost], [as_milliseconds(record.latency_ms)])

    def add_block(self, block: Block) -> None:
        """Counts the records of a block."""
        # The JSON codec writes a time many times as fast as datetime does.
        moments = msgspec.to_builtins([record.created_at for record in block.records])
        self._add(moments, block.records, block.costs, block.latencies)

    def _add(
        self,
        moments: list[str],
        records: Sequence[UsageRecord | QuickRecord],
        costs: Sequence[Decimal | None],
        latencies: Sequence[Decimal | str],
    ) -> None:
        known = self._sums
        for moment, record, cost, latency in zip(moments, records, costs, latencies, strict=True):
            key = (moment[:_HOUR], record.user_id, record.team_id, record.model)
            if key in known:
                known[key].add(record, cost, latency)
            else:
                known[key] = Sums.of(key, record, cost, latency)

    def flush(self) -> None:
        """Appends the sums to `usage_hourly_parts`, in the caller's transaction."""
        if not self._sums:
            return
        with self._connection.cursor() as cursor, cursor.copy(named("copy_usage_hourly_parts")) as copy:
            copy.write(to_csv(list(self._sums.values())))
        hours = {key[0] for key in self._sums}
        self._ends = {min(ends := hours | self._ends), max(ends)}
        self._days |= {hour[:_DAY] for hour in hours}
        self._sums.clear()

    def when(self) -> When:
        """When the records were that are flushed."""
        first, last = (f"{end(self._ends)}:00:00Z" if self._ends else None for end in (min, max))
        return When(first_hour=first, last_hour=last, days=sorted(self._days))


def mark(connection: psycopg.Connection, when: When) -> None:
    """Says, in the caller's transaction, that `usage_daily` does not show these records yet."""
    if when.days:
        connection.execute(named("insert_unrefreshed"), (when.days,))


def refresh(connection: psycopg.Connection, *, force: bool = True) -> bool:
    """Makes `usage_daily` show every load committed so far; readers go on reading meanwhile.

    Without `force` only when something was loaded since the last time, and only its days are added up.
    Gives whether it was refreshed. Raises `EtlError`.
    """
    with translate_errors(connection), connection.transaction():
        connection.execute(named("lock_refresh"))
        return renew(connection, force=force)


def renew(connection: psycopg.Connection, *, force: bool) -> bool:
    """The same in the caller's transaction, which keeps other refreshes out. Raises psycopg's errors."""
    loads, days = connection.execute(named("take_unrefreshed")).fetchone() or (0, [])
    if not (loads or force):
        return False
    if days:
        connection.execute(named("gather_hours"), {"days": days})
    changed = {"days": None if force else days}
    connection.execute(named("forget_days"), changed)
    connection.execute(named("add_up_days"), changed)
    connection.execute(named("refresh_usage_daily"))
    connection.execute(named("set_refreshed_at"))
    return True
