"""The slow path into `usage_records`: a staging table for segments whose records may be stored already.

A record that is stored with the same content is a duplicate; with other content it is rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from etl.database.queries import named
from etl.records import columns
from etl.rollup import columns as rollup
from etl.rollup.rollup import LoadedTimes
from etl.segments.rejects import Reject
from proxy.segments.record import MAX_LINE_BYTES

# Stored in etl_rejects, where a later retry recognizes it.
CONTRADICTION: Final = "a record with this request_id and created_at but other content is loaded already"
_FETCH_SIZE: Final = 500


def create_table(connection: psycopg.Connection) -> None:
    """Creates the temporary staging table; once per connection."""
    connection.execute(named("create_staging_table"))


def store(connection: psycopg.Connection) -> tuple[int, LoadedTimes]:
    """Moves new staged records to `usage_records` and appends their hourly sums.

    Returns how many are new, and their times.
    """
    loaded = connection.execute(named("insert_staged_records", **columns.SQL)).rowcount
    first, last, days = connection.execute(named("sum_staged_records", **rollup.SQL)).fetchone() or (
        None,
        None,
        None,
    )
    return loaded, LoadedTimes(first_hour=first, last_hour=last, days=[day.isoformat() for day in days or ()])


def contradicting_lines(connection: psycopg.Connection) -> Iterator[tuple[int, int]]:
    """Yields line number and byte offset of staged records whose identity is stored with other content."""
    with connection.cursor(name="contradictions") as cursor:
        cursor.itersize = _FETCH_SIZE
        yield from cursor.execute(named("staged_contradictions", **columns.SQL))


def contradictions(connection: psycopg.Connection, path: Path) -> Iterator[Reject]:
    """Yields a reject for each contradicting line, with its text from the segment."""
    with path.open("rb") as file:
        for line_number, byte_offset in contradicting_lines(connection):
            file.seek(byte_offset)
            yield Reject.from_line(
                file.readline(MAX_LINE_BYTES),
                segment=path.name,
                line_number=line_number,
                byte_offset=byte_offset,
                reason=CONTRADICTION,
            )
