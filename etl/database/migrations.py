"""Migrates a database to the schema of this version; migrations are numbered and never edited.

Each migration and its row in `schema_migrations` are committed together, under one advisory lock, so any
number of processes may migrate concurrently and each migration is applied once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from psycopg import errors

from etl.database.connection import translate_errors
from etl.database.queries import directory, named
from etl.errors import SchemaError

_OLDEST_SERVER: Final = 150000


class Migration(NamedTuple):
    """A file in `sql/migrations`: `0001_usage.sql` has version 1 and name `0001_usage`."""

    version: int
    name: str
    text: bytes

    @property
    def sha256(self) -> str:
        """The hash of the file, to detect edits after it was applied."""
        return hashlib.sha256(self.text).hexdigest()


def migrations(folder: Path | None = None) -> list[Migration]:
    """The migrations of this version, in order."""
    folder = folder or directory() / "migrations"
    paths = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return [Migration(int(path.name[:4]), path.stem, path.read_bytes()) for path in paths]


def _pending(available: list[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    """The migrations to apply. Raises `SchemaError` when an applied one is unknown or was edited."""
    by_version = {migration.version: migration for migration in available}
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
    return [migration for migration in available if migration.version not in applied]


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


def check_schema(connection: psycopg.Connection) -> None:
    """Raises `SchemaError` unless the database has exactly the schema of this version."""
    with translate_errors(connection):
        pending = _pending(migrations(), _applied(connection))
    if pending:
        raise SchemaError(f"the database lacks migration {pending[0].name}: run `relayctl etl migrate`")


def migrate(connection: psycopg.Connection, *, folder: Path | None = None) -> list[str]:
    """Applies the pending migrations in order and returns their names. Needs autocommit mode.

    Raises `SchemaError` when an applied migration was edited or is unknown, `DatabaseError` when PostgreSQL
    refuses one; that one is rolled back and those before it stay applied.
    """
    available = migrations(folder)
    names = []
    with translate_errors(connection), _foreign_table_errors(connection):
        _check_server(connection)
        for _ in available:
            with connection.transaction():
                connection.execute(named("lock_migrations"))
                connection.execute(named("create_schema_migrations"))
                pending = _pending(available, _applied(connection))
                if not pending:
                    break
                _apply(connection, pending[0])
                names.append(pending[0].name)
    return names


@contextmanager
def _foreign_table_errors(connection: psycopg.Connection) -> Iterator[None]:
    """Turns conflicts with tables that are not Relay's into a `SchemaError`."""
    try:
        yield
    except (errors.DuplicateTable, errors.DuplicateObject, errors.UndefinedColumn) as error:
        database, conflict = connection.info.dbname, error.diag.message_primary
        raise SchemaError(
            f"database {database} contains tables that are not Relay's ({conflict}): "
            "use a separate database for Relay"
        ) from error


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    # Without parameters psycopg sends the text unchanged: several statements are allowed and % is literal.
    connection.execute(migration.text.decode())
    row = (migration.version, migration.name, migration.sha256)
    connection.execute(named("insert_migration"), row)
