"""Brings a database to the schema of this version, by numbered migrations that are never edited.

Each migration and its ledger row (`schema_migrations`) are one transaction under one advisory lock, so any
number of processes may migrate at once and each migration happens once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from psycopg import errors

from etl.database.connection import translated
from etl.database.queries import directory, named
from etl.errors import SchemaError

_OLDEST_SERVER: Final = 150000


class Migration(NamedTuple):
    """A file of `sql/migrations`: `0001_usage.sql` has version 1 and name `0001_usage`."""

    version: int
    name: str
    text: bytes

    @property
    def sha256(self) -> str:
        """Of the file, so that an edit after the fact is noticed."""
        return hashlib.sha256(self.text).hexdigest()


def migrations(folder: Path | None = None) -> list[Migration]:
    """The migrations this version ships, in order."""
    folder = folder or directory() / "migrations"
    paths = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return [Migration(int(path.name[:4]), path.stem, path.read_bytes()) for path in paths]


def _compared(ours: list[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    """What is still to apply. Raises `SchemaError` when the database and the files contradict each other."""
    by_version = {migration.version: migration for migration in ours}
    for version, (name, sha256) in applied.items():
        known = by_version.get(version)
        if known is None:
            raise SchemaError(
                f"the database has migration {name}, which this version of Relay does not know: upgrade Relay"
            )
        if known.sha256 != sha256:
            raise SchemaError(
                f"migration {name} was edited after it was applied to the database: "
                "restore the file and put the change into a new migration"
            )
    return [migration for migration in ours if migration.version not in applied]


def _applied(connection: psycopg.Connection) -> dict[int, tuple[str, str]]:
    rows = connection.execute(named("applied_migrations")).fetchall()
    return {version: (name, sha256) for version, name, sha256 in rows}


def _check_server(connection: psycopg.Connection) -> None:
    if connection.info.server_version < _OLDEST_SERVER:
        raise SchemaError(
            f"PostgreSQL {connection.info.server_version // 10000} is too old: Relay needs 15 or later"
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SchemaError(
            f"database {connection.info.dbname} has the encoding {encoding}, not UTF8: "
            "create one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def check(connection: psycopg.Connection) -> None:
    """Raises `SchemaError` unless the database has exactly the schema of this version."""
    with translated(connection):
        missing = _compared(migrations(), _applied(connection))
    if missing:
        raise SchemaError(f"the database lacks migration {missing[0].name}: run `relayctl etl migrate`")


def migrate(connection: psycopg.Connection, *, folder: Path | None = None) -> list[str]:
    """Applies what is missing, in order, and gives the names applied. Needs autocommit mode.

    Raises `SchemaError` when an applied migration was edited or is unknown, `DatabaseError` when PostgreSQL
    refuses; the migrations before the refused one stay applied, of that one nothing.
    """
    ours = migrations(folder)
    names = []
    with translated(connection), _alone(connection):
        _check_server(connection)
        for _ in ours:
            with connection.transaction():
                connection.execute(named("lock_migrations"))
                connection.execute(named("create_schema_migrations"))
                missing = _compared(ours, _applied(connection))
                if not missing:
                    break
                _apply(connection, missing[0])
                names.append(missing[0].name)
    return names


@contextmanager
def _alone(connection: psycopg.Connection) -> Iterator[None]:
    """Turns what stands in the way of Relay's own tables into a `SchemaError`."""
    try:
        yield
    except (errors.DuplicateTable, errors.DuplicateObject, errors.UndefinedColumn) as error:
        place, what = connection.info.dbname, error.diag.message_primary
        raise SchemaError(
            f"database {place} holds tables that are not Relay's ({what}): give Relay a database of its own"
        ) from error


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    # Without parameters psycopg sends the text as it is: several statements, and % means nothing.
    connection.execute(migration.text.decode())
    row = (migration.version, migration.name, migration.sha256)
    connection.execute(named("insert_migration"), row)
