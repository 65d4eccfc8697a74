"""The partitions of `usage_records`: UTC months, created in advance or when a load needs them.

Times before 2020 and from 2050 on, which only a wrong clock produces, share one partition on each side. Each
transaction on the table locks every partition, so their number is limited to a few hundred.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
from psycopg import sql

from etl.database.queries import named

Month = tuple[int, int]

_TABLE: Final = "usage_records"
_FIRST_YEAR: Final = 2020
_YEAR_AFTER: Final = 2050


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """The records from `since` (inclusive, None: unbounded) to `until` (exclusive, None: unbounded)."""

    name: str
    since: datetime | None
    until: datetime | None


def _start(month: Month) -> datetime:
    return datetime(*month, 1, tzinfo=UTC)


def _after(month: Month) -> Month:
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)


def _monthly(month: Month) -> Partition:
    name = f"{_TABLE}_{month[0]:04}_{month[1]:02}"
    return Partition(name=name, since=_start(month), until=_start(_after(month)))


_EARLY: Final = Partition(name=f"{_TABLE}_early", since=None, until=_start((_FIRST_YEAR, 1)))
_LATE: Final = Partition(name=f"{_TABLE}_late", since=_start((_YEAR_AFTER, 1)), until=None)
_MONTHS: Final = [(year, number) for year in range(_FIRST_YEAR, _YEAR_AFTER) for number in range(1, 13)]
_ALL: Final = (_EARLY, *map(_monthly, _MONTHS), _LATE)


def _partition_of(month: Month) -> Partition:
    if month[0] < _FIRST_YEAR:
        return _EARLY
    return _LATE if month[0] >= _YEAR_AFTER else _monthly(month)


def current_and_next(now: datetime) -> set[Month]:
    """The month of a time and the next one; their partitions are created before their first record."""
    month = (now.astimezone(UTC).year, now.astimezone(UTC).month)
    return {month, _after(month)}


def months_of(times: Iterable[datetime]) -> set[Month]:
    """The UTC months of timezone-aware times, as (year, month)."""
    return {(utc.year, utc.month) for utc in (time.astimezone(UTC) for time in times)}


def list_partitions(connection: psycopg.Connection) -> list[Partition]:
    """The existing partitions, oldest first."""
    names = {name for (name,) in connection.execute(named("list_partitions"))}
    return [partition for partition in _ALL if partition.name in names]


def ensure(connection: psycopg.Connection, months: Iterable[Month]) -> None:
    """Creates missing partitions, each in a short transaction."""
    wanted = {partition.name: partition for partition in map(_partition_of, months)}
    existing = {partition.name for partition in list_partitions(connection)}
    for name in sorted(wanted.keys() - existing):
        with connection.transaction():
            # Without the lock two processes could create the same table, and one of them would fail.
            connection.execute(named("lock_partitions"))
            if not _exists(connection, name):
                _create(connection, wanted[name])


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute(named("partition_exists"), (name,)).fetchone() is not None


def _create(connection: psycopg.Connection, partition: Partition) -> None:
    # Created as a separate table and then attached, so that loads into other months are not blocked.
    statement = sql.SQL(named("create_partition")).format(
        name=sql.Identifier(partition.name),
        start=sql.Literal(partition.since) if partition.since else sql.SQL("MINVALUE"),
        end=sql.Literal(partition.until) if partition.until else sql.SQL("MAXVALUE"),
    )
    connection.execute(statement)
