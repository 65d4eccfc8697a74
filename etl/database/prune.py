"""Drops old months of `usage_records`, only once an archive has all their segments; the rollups stay.

A record of a pruned month that comes later is loaded as any other: its month is made again, the rollups add.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import errors, sql

from etl.database import partitions
from etl.database.connection import translated
from etl.database.partitions import Partition
from etl.database.queries import named
from etl.errors import DatabaseError


@dataclass(frozen=True, kw_only=True, slots=True)
class OldMonth:
    """A partition older than what is kept, what it holds, and what became of it.

    `unarchived` segments that may have records in it are in no archive. The months after one that has such
    segments stay too, so that what is pruned has one clear border.
    """

    partition: str
    since: datetime | None
    until: datetime
    records: int
    bytes: int
    unarchived: int
    dropped: bool


def prune(connection: psycopg.Connection, before: datetime, *, dry_run: bool) -> list[OldMonth]:
    """Drops the partitions that end at or before a moment, oldest first, until one is not archived.

    Gives all of them; with `dry_run` nothing is dropped and `dropped` tells what would be. Raises `EtlError`.
    """
    months: list[OldMonth] = []
    with translated(connection):
        # What an intent waits for must be looked up while it can be found.
        connection.execute(named("delete_ended_intents"))
        free = True
        for partition in partitions.existing(connection):
            if partition.until is None or partition.until > before:
                continue
            records, size = _contents(connection, partition)
            unarchived = _unarchived(connection, partition)
            free = free and not unarchived and (dry_run or _drop(connection, partition))
            months.append(
                OldMonth(
                    partition=partition.name,
                    since=partition.since,
                    until=partition.until,
                    records=records,
                    bytes=size,
                    unarchived=unarchived,
                    dropped=free,
                )
            )
    return months


def _contents(connection: psycopg.Connection, partition: Partition) -> tuple[int, int]:
    statement = sql.SQL(named("partition_contents")).format(name=sql.Identifier(partition.name))
    row = connection.execute(statement, (partition.name,)).fetchone()
    return row or (0, 0)


def _unarchived(connection: psycopg.Connection, partition: Partition) -> int:
    row = connection.execute(named("count_unarchived"), (partition.since, partition.until)).fetchone()
    return row[0] if row else 0


def _drop(connection: psycopg.Connection, partition: Partition) -> bool:
    try:
        with connection.transaction():
            connection.execute(named("lock_partitions"))
            connection.execute(named("lock_usage_records"))
            # Looked at once more: a load may have come in between, and now none can.
            if _unarchived(connection, partition):
                return False
            connection.execute(sql.SQL(named("drop_partition")).format(name=sql.Identifier(partition.name)))
            connection.execute(named("set_pruned_before"), (partition.until,))
    except errors.LockNotAvailable as error:
        raise DatabaseError(
            f"{partition.name} was not pruned because a long query or load uses usage_records: try again"
        ) from error
    return True
