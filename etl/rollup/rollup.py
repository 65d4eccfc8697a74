"""The rollups: `usage_hourly`, to which each load appends a part, and `usage_daily`, refreshed from it.

Both are functions of `usage_records`, so they can be deleted and computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg

from etl.database.connection import translate_errors
from etl.database.queries import named
from etl.records.rows import to_csv
from etl.rollup.columns import DIMENSIONS, MEASURES, SQL
from etl.segments.blocks import Block, QuickRecord
from proxy.segments.record import UsageRecord, as_milliseconds, as_money, is_error

_DAY: Final = len("2026-11-01")
_HOUR: Final = len("2026-11-01T09")

Key = tuple[str, tuple[str, ...]]
"""The UTC hour as `2026-11-01T09`, and the values of the dimensions in their order."""

_COMPUTED: Final = (
    "requests",
    "errors",
    "cache_hits",
    "cost_usd",
    "unpriced_requests",
    "estimated_requests",
    "estimated_cost_usd",
    "latency_ms",
)
"""The measures that `_first` and `_add` compute one by one, in the order of `Sums`."""
_TOKENS: Final = tuple(
    one.name for one in MEASURES if one.of_records == f"sum({one.name})" and one.kind == "tokens"
)
"""The measures that are plain sums of a record's tokens; they end `Sums`."""
if {*_COMPUTED, *_TOKENS} != {one.name for one in MEASURES}:
    raise TypeError("the hourly sums do not have exactly the measures of etl.rollup.columns")

_DIMENSIONS: Final = [one.column for one in DIMENSIONS]
_group_of: Final = attrgetter(*_DIMENSIONS)
_tokens_of: Final = attrgetter(*_TOKENS)
_COPIED: Final = {"dimensions": SQL["dimensions"], "measures": ", ".join((*_COMPUTED, *_TOKENS))}


if TYPE_CHECKING:

    class Sums(msgspec.Struct):
        """A row of `usage_hourly_parts`: hour, dimensions, measures; money is None without a known price.

        Here are the fields that code refers to; all are made below, in the order of the COPY statement.
        """

        requests: int
        errors: int
        cache_hits: int
        cost_usd: Decimal | None
        unpriced_requests: int
        estimated_requests: int
        estimated_cost_usd: Decimal | None
        latency_ms: Decimal | str

        def __init__(self, *values: object) -> None: ...

else:
    Sums = msgspec.defstruct(
        "Sums",
        [(name, Any) for name in ("hour", *_DIMENSIONS, *_COMPUTED, *_TOKENS)],
        array_like=True,
        gc=False,
        module=__name__,
    )


def _first(key: Key, record: UsageRecord | QuickRecord, cost: Decimal | None, latency: Decimal | str) -> Sums:
    """The sums of one record. Most groups of a load have only one or two: so this does not add to zeros."""
    hour, group = key
    estimated = record.usage_source == "estimated"
    return Sums(
        f"{hour}:00:00Z",
        *group,
        1,
        1 if is_error(record.status, record.error) else 0,
        1 if record.cache_hit else 0,
        cost,
        1 if cost is None else 0,
        1 if estimated else 0,
        cost if estimated else None,
        latency,
        *_tokens_of(record),
    )


def _add(sums: Sums, record: UsageRecord | QuickRecord, cost: Decimal | None, latency: Decimal | str) -> None:
    """Counts one more record, whose cost and latency are given as every store rounds them."""
    sums.requests += 1
    if is_error(record.status, record.error):
        sums.errors += 1
    if record.cache_hit:
        sums.cache_hits += 1
    for name, before, tokens in zip(_TOKENS, _tokens_of(sums), _tokens_of(record), strict=True):
        if tokens:
            setattr(sums, name, before + tokens)
    sums.latency_ms = Decimal(sums.latency_ms) + Decimal(latency)
    estimated = record.usage_source == "estimated"
    if estimated:
        sums.estimated_requests += 1
    if cost is None:
        sums.unpriced_requests += 1
        return
    sums.cost_usd = cost if sums.cost_usd is None else sums.cost_usd + cost
    if estimated:
        sums.estimated_cost_usd = cost + (sums.estimated_cost_usd or 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedTimes:
    """The first and last UTC hour of the records of a load (None without records), and their UTC days."""

    first_hour: str | datetime | None
    last_hour: str | datetime | None
    days: list[str]


class Hours:
    """Sums per hour and group of the records of a load; `flush` sends them to the database.

    `flush` may be called whenever memory is short. Decimals are exact only in a context with enough digits,
    which the caller sets.
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
            key = (moment[:_HOUR], _group_of(record))
            if key in known:
                _add(known[key], record, cost, latency)
            else:
                known[key] = _first(key, record, cost, latency)

    def flush(self) -> None:
        """Appends the sums to `usage_hourly_parts`, in the caller's transaction."""
        if not self._sums:
            return
        statement = named("copy_usage_hourly_parts", **_COPIED)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(to_csv(list(self._sums.values())))
        hours = {key[0] for key in self._sums}
        self._ends = {min(ends := hours | self._ends), max(ends)}
        self._days |= {hour[:_DAY] for hour in hours}
        self._sums.clear()

    def times(self) -> LoadedTimes:
        """The hours and days of the flushed records."""
        first, last = (f"{end(self._ends)}:00:00Z" if self._ends else None for end in (min, max))
        return LoadedTimes(first_hour=first, last_hour=last, days=sorted(self._days))


def mark(connection: psycopg.Connection, times: LoadedTimes) -> None:
    """Marks, in the caller's transaction, the days that `usage_daily` does not show yet."""
    if times.days:
        connection.execute(named("insert_unrefreshed"), (times.days,))


def refresh(connection: psycopg.Connection, *, force: bool = True) -> bool:
    """Refreshes `usage_daily` with every load committed so far, without blocking readers.

    Without `force` only if something was loaded since the last refresh, and only its days are summed.
    Returns whether it was refreshed. Raises `EtlError`.
    """
    with translate_errors(connection), connection.transaction():
        connection.execute(named("lock_refresh"))
        return renew(connection, force=force)


def renew(connection: psycopg.Connection, *, force: bool) -> bool:
    """The same in the caller's transaction, which must exclude other refreshes. Raises psycopg's errors."""
    loads, days = connection.execute(named("take_unrefreshed")).fetchone() or (0, [])
    if not (loads or force):
        return False
    if days:
        connection.execute(named("merge_parts", **SQL), {"days": days})
    changed = {"days": None if force else days}
    connection.execute(named("delete_days"), changed)
    connection.execute(named("sum_days"), changed)
    connection.execute(named("refresh_usage_daily"))
    connection.execute(named("set_refreshed_at"))
    return True
