"""Stores and lists rejected lines in PostgreSQL."""

from __future__ import annotations

import psycopg
from psycopg.rows import class_row

from etl.database.connection import translate_errors
from etl.database.queries import named
from etl.segments.rejects import Reject


def save(connection: psycopg.Connection, rejects: list[Reject]) -> None:
    """Stores rejects in the transaction of the caller."""
    rows = [(one.segment, one.line_number, one.byte_offset, one.reason, one.line) for one in rejects]
    with connection.cursor() as cursor:
        cursor.executemany(named("insert_reject"), rows)


def list_rejects(connection: psycopg.Connection, limit: int) -> list[Reject]:
    """At most `limit` rejects, those of the most recently loaded segments first. Raises `EtlError`."""
    with translate_errors(connection), connection.cursor(row_factory=class_row(Reject)) as cursor:
        return cursor.execute(named("list_rejects"), (limit,)).fetchall()
