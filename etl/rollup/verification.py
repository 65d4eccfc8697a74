"""Recomputes the rollups from the records and returns every difference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import psycopg
from psycopg import IsolationLevel, errors
from psycopg.rows import class_row

from etl.database.connection import translate_errors
from etl.database.queries import named
from etl.rollup import rollup
from etl.rollup.columns import SQL

_MOST: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One measure of one group of a rollup that differs from the sum over the records.

    `since` is the beginning of the hour or UTC day. `stored` is None for a group that the rollup lacks,
    `recomputed` for one without records. `usage_daily` has no provider, key and endpoint.
    """

    rollup: str
    since: datetime
    user_id: str
    team_id: str
    model: str
    provider: str | None = None
    key_id: str | None = None
    endpoint: str | None = None
    measure: str
    stored: Decimal | None
    recomputed: Decimal | None


def find(connection: psycopg.Connection) -> list[Difference]:
    """The first ten thousand differences of each rollup, from one state of the database.

    Pending loads are first refreshed into `usage_daily`: they are not a difference. The time before the
    horizon of `etl prune` cannot be recomputed and is skipped. Raises `EtlError`.
    """
    with translate_errors(connection):
        # Before the transaction: its snapshot must include the last refresh.
        connection.execute(named("lock_refresh_for_session"))
        before, connection.isolation_level = connection.isolation_level, IsolationLevel.REPEATABLE_READ
        try:
            return _found(connection)
        finally:
            connection.isolation_level = before
            connection.execute(named("unlock_refresh"))


def _found(connection: psycopg.Connection, attempts: int = 10) -> list[Difference]:
    try:
        with connection.transaction(), connection.cursor(row_factory=class_row(Difference)) as cursor:
            rollup.renew(connection, force=False)
            hours = cursor.execute(named("hourly_differences", **SQL), (_MOST,)).fetchall()
            return hours + cursor.execute(named("daily_differences"), (_MOST,)).fetchall()
    except errors.SerializationFailure:
        # A run that ended at this moment updated the row of etl_state that the refresh updates.
        if not attempts:
            raise
        return _found(connection, attempts - 1)
