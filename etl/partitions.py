"""The monthly partitions of `usage_records`: made when a load needs them, safely by several at once."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import psycopg
from psycopg import sql

from etl.queries import named
from etl.segments import Reading
from proxy.record import RequestLine

Month = tuple[int, int]


def _start(month: Month) -> str:
    """The first moment of a month, as PostgreSQL reads it; Python's datetime ends before the year 10000."""
    return f"{month[0]:04}-{month[1]:02}-01 00:00:00+00"


def _next(month: Month) -> Month:
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)


def months_of(path: Path) -> set[Month]:
    """The UTC months of a segment's records, as (year, month). Raises `OSError`."""
    times = (item.created_at.astimezone(UTC) for item in Reading(path) if isinstance(item, RequestLine))
    return {(time.year, time.month) for time in times}


def ensure(connection: psycopg.Connection, months: set[Month]) -> None:
    """Makes the partitions that are missing, each in a short transaction of its own."""
    for month in sorted(months):
        name = f"usage_records_{month[0]:04}_{month[1]:02}"
        with connection.transaction():
            # Without the lock two processes would make the same table, and one of them would fail.
            connection.execute(named("lock_partitions"))
            if not _exists(connection, name):
                _create(connection, name, month)


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute(named("partition_exists"), (name,)).fetchone() is not None


def _create(connection: psycopg.Connection, name: str, month: Month) -> None:
    # Made beside the table and then attached: loads into other months go on meanwhile.
    statement = sql.SQL(named("create_partition")).format(
        name=sql.Identifier(name), start=sql.Literal(_start(month)), end=sql.Literal(_start(_next(month)))
    )
    connection.execute(statement)
