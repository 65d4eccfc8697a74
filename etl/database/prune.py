"""Drops old partitions of `usage_records` whose segments are all archived; the rollups stay.

A late record of a pruned month is loaded like any other: its partition is created again and the rollups
include it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import errors, sql

from etl.database import partitions
from etl.database.connection import translate_errors
from etl.database.partitions import Partition
from etl.database.queries import named
from etl.errors import DatabaseError


@dataclass(frozen=True, kw_only=True, slots=True)
class OldPartition:
    """A partition older than the retention period: its size, and whether it was dropped.

    `unarchived` segments that may have records in it are in no archive. A partition with such segments is
    kept, and so are all later ones, so that one point in time separates pruned from stored records.
    """

    partition: str
    since: datetime | None
    until: datetime
    records: int
    bytes: int
    unarchived: int
    dropped: bool


def prune(connection: psycopg.Connection, before: datetime, *, dry_run: bool) -> list[OldPartition]:
    """Drops the partitions that end at or before a time, oldest first, up to the first unarchived one.

    Returns all of them. With `dry_run` nothing is dropped, and `dropped` says what would be. Raises
    `EtlError`.
    """
    old: list[OldPartition] = []
    with translate_errors(connection):
        # Intents whose record is stored must be deleted before that record is pruned.
        connection.execute(named("delete_ended_intents"))
        dropping = True
        for partition in partitions.list_partitions(connection):
            if partition.until is None or partition.until > before:
                continue
            records, size = _contents(connection, partition)
            unarchived = _unarchived(connection, partition)
            dropping = dropping and not unarchived and (dry_run or _drop(connection, partition))
            old.append(
                OldPartition(
                    partition=partition.name,
                    since=partition.since,
                    until=partition.until,
                    records=records,
                    bytes=size,
                    unarchived=unarchived,
                    dropped=dropping,
                )
            )
    return old


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
            # Checked again under the lock, because a load may have been committed since the first check.
            if _unarchived(connection, partition):
                return False
            connection.execute(sql.SQL(named("drop_partition")).format(name=sql.Identifier(partition.name)))
            connection.execute(named("set_pruned_before"), (partition.until,))
    except errors.LockNotAvailable as error:
        raise DatabaseError(
            f"{partition.name} was not pruned because a long query or load uses usage_records: try again"
        ) from error
    return True
