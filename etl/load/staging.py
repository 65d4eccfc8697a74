"""The slow way into `usage_records`: through a temporary table, for segments that repeat records.

A record that is there already with the same content is a duplicate; with other content it is a reject.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from etl.database.queries import named
from etl.records import columns
from etl.rollup import columns as rollup
from etl.rollup.rollup import When
from etl.segments.rejects import Reject
from proxy.segments.record import MAX_LINE_BYTES

CONTRADICTION: Final = "a record with this request_id and created_at but other content is loaded already"
_FETCHED: Final = 500


def store(connection: psycopg.Connection) -> tuple[int, When]:
    """Moves the new ones of the staged records to `usage_records` and appends their hourly sums.

    Gives how many were new, and when they were.
    """
    loaded = connection.execute(named("insert_staged_records", **columns.SQL)).rowcount
    first, last, days = connection.execute(named("sum_staged_records", **rollup.SQL)).fetchone() or (
        None,
        None,
        None,
    )
    return loaded, When(first_hour=first, last_hour=last, days=[day.isoformat() for day in days or ()])


def contradicting_lines(connection: psycopg.Connection) -> Iterator[tuple[int, int]]:
    """Line numbers and offsets of staged records that say something else than the stored one they repeat."""
    with connection.cursor(name="contradictions") as cursor:
        cursor.itersize = _FETCHED
        yield from cursor.execute(named("staged_contradictions", **columns.SQL))


def contradictions(connection: psycopg.Connection, path: Path) -> Iterator[Reject]:
    """The staged records that say something else than the stored record of the same identity."""
    with path.open("rb") as file:
        for line_number, byte_offset in contradicting_lines(connection):
            file.seek(byte_offset)
            yield Reject.of(
                file.readline(MAX_LINE_BYTES),
                segment=path.name,
                line_number=line_number,
                byte_offset=byte_offset,
                reason=CONTRADICTION,
            )
