"""Recomputes the rollups from the records and tells every difference."""

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

_MOST: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One measure of one group of a rollup that is not what the records make.

    `since` begins the hour or UTC day. A group that the rollup lacks has `stored` None, one for which there
    are no records has `recomputed` None.
    """

    rollup: str
    since: datetime
    user_id: str
    team_id: str
    model: str
    measure: str
    stored: Decimal | None
    recomputed: Decimal | None


def find(connection: psycopg.Connection) -> list[Difference]:
    """The first ten thousand differences of each rollup, from one state of the database.

    Loads that `usage_daily` does not show yet are brought into it first: they are no difference. What lies
    before the horizon of `etl prune` cannot be recomputed and is passed over. Raises `EtlError`.
    """
    with translate_errors(connection):
        # Before the transaction: its snapshot must see what the last refresh did.
        connection.execute(named("hold_refresh"))
        before, connection.isolation_level = connection.isolation_level, IsolationLevel.REPEATABLE_READ
        try:
            return _found(connection)
        finally:
            connection.isolation_level = before
            connection.execute(named("release_refresh"))


def _found(connection: psycopg.Connection, attempts: int = 10) -> list[Difference]:
    try:
        with connection.transaction(), connection.cursor(row_factory=class_row(Difference)) as cursor:
            rollup.renew(connection, force=False)
            hours = cursor.execute(named("hourly_differences"), (_MOST,)).fetchall()
            return hours + cursor.execute(named("daily_differences"), (_MOST,)).fetchall()
    except errors.SerializationFailure:
        # A run that ended at this moment moved as_of, which stands beside the time of the refresh.
        if not attempts:
            raise
        return _found(connection, attempts - 1)
