"""The partitions of `usage_records`: UTC months, made ahead of need or when a load needs them.

What only a wrong clock tells, before 2020 and from 2050 on, has one partition on each side: every partition
costs each transaction that uses the table its locks, so there are never more than a few hundred.
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
    """The requests from `since` (None: from the beginning) to before `until` (None: without end)."""

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
_IN_ORDER: Final = (_EARLY, *map(_monthly, _MONTHS), _LATE)


def _of(month: Month) -> Partition:
    if month[0] < _FIRST_YEAR:
        return _EARLY
    return _LATE if month[0] >= _YEAR_AFTER else _monthly(month)


def ahead(now: datetime) -> set[Month]:
    """The month of a moment and the next one, whose partitions are to be there before their first record."""
    month = (now.astimezone(UTC).year, now.astimezone(UTC).month)
    return {month, _after(month)}


def months_of(moments: Iterable[datetime]) -> set[Month]:
    """The UTC months of these aware times, as (year, month)."""
    return {(utc.year, utc.month) for utc in (moment.astimezone(UTC) for moment in moments)}


def existing(connection: psycopg.Connection) -> list[Partition]:
    """The partitions that are there, the oldest first."""
    names = {name for (name,) in connection.execute(named("list_partitions"))}
    return [partition for partition in _IN_ORDER if partition.name in names]


def ensure(connection: psycopg.Connection, months: Iterable[Month]) -> None:
    """Makes the partitions that are missing, each in a short transaction of its own."""
    wanted = {partition.name: partition for partition in map(_of, months)}
    there = {partition.name for partition in existing(connection)}
    for name in sorted(wanted.keys() - there):
        with connection.transaction():
            # Without the lock two processes would make the same table, and one of them would fail.
            connection.execute(named("lock_partitions"))
            if not _exists(connection, name):
                _create(connection, wanted[name])


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute(named("partition_exists"), (name,)).fetchone() is not None


def _create(connection: psycopg.Connection, partition: Partition) -> None:
    # Made beside the table and then attached: loads into other months go on meanwhile.
    statement = sql.SQL(named("create_partition")).format(
        name=sql.Identifier(partition.name),
        start=sql.Literal(partition.since) if partition.since else sql.SQL("MINVALUE"),
        end=sql.Literal(partition.until) if partition.until else sql.SQL("MAXVALUE"),
    )
    connection.execute(statement)
