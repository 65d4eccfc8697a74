"""Migrations happen once, in order, whoever starts them, and are never edited."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from etl.database.connection import connect
from etl.database.migrations import check_schema, migrate, migrations
from etl.errors import DatabaseError, SchemaError

pytestmark = pytest.mark.every_postgres

ALL = [migration.name for migration in migrations()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two migrations, to be spoiled."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a int); INSERT INTO one VALUES (1)")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (a int)")
    return tmp_path


def _tables(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname IN ('one', 'two')"
    )
    return {name for (name,) in rows}


def test_migrating_twice_applies_everything_once(database_url: str) -> None:
    with connect(database_url) as connection:
        assert (migrate(connection), migrate(connection)) == (ALL, [])
        check_schema(connection)


def test_processes_that_migrate_at_once_apply_each_migration_once(database_url: str) -> None:
    def migrated(_: int) -> list[str]:
        with connect(database_url) as connection:
            return migrate(connection)

    with ThreadPoolExecutor(8) as pool:
        applied = list(pool.map(migrated, range(8)))
    assert sorted(name for names in applied for name in names) == ALL


def test_the_ledger_says_which_file_was_applied(database: psycopg.Connection) -> None:
    rows = database.execute("SELECT version, name, sha256 FROM schema_migrations ORDER BY version").fetchall()
    assert rows == [(one.version, one.name, one.sha256) for one in migrations()]


def test_an_edited_migration_is_refused(database_url: str, folder: Path) -> None:
    with connect(database_url) as connection:
        migrate(connection, folder=folder)
        (folder / "0001_one.sql").write_text("CREATE TABLE one (a bigint)")
        with pytest.raises(SchemaError, match="migration 0001_one was edited after it was applied"):
            migrate(connection, folder=folder)


def test_a_database_newer_than_the_code_is_refused(database_url: str, folder: Path) -> None:
    with connect(database_url) as connection:
        migrate(connection, folder=folder)
        (folder / "0002_two.sql").unlink()
        with pytest.raises(
            SchemaError, match="has migration 0002_two, which this version of Relay does not know"
        ):
            migrate(connection, folder=folder)


def test_a_migration_that_fails_leaves_nothing_of_itself_and_keeps_those_before(
    database_url: str, folder: Path
) -> None:
    (folder / "0002_two.sql").write_text("CREATE TABLE two (a int); SELECT 1 / 0")
    with connect(database_url) as connection:
        with pytest.raises(DatabaseError, match="refused: division by zero"):
            migrate(connection, folder=folder)
        assert _tables(connection) == {"one"}
        (folder / "0002_two.sql").write_text("CREATE TABLE two (a int)")
        assert migrate(connection, folder=folder) == ["0002_two"]


def test_a_database_without_the_schema_is_told_what_to_run(database_url: str) -> None:
    with (
        connect(database_url) as connection,
        pytest.raises(SchemaError, match="has no Relay schema of this version: run `relayctl etl migrate`"),
    ):
        check_schema(connection)


@pytest.mark.parametrize(
    ("foreign", "told"),
    [
        ("CREATE TABLE schema_migrations (version text PRIMARY KEY)", 'column "name" does not exist'),
        ("CREATE VIEW usage_daily AS SELECT 1 AS day", 'relation "usage_daily" already exists'),
        ("CREATE TABLE usage_records (id bigint)", 'relation "usage_records" already exists'),
    ],
)
def test_the_tables_of_another_program_stay_and_are_told(database_url: str, foreign: str, told: str) -> None:
    everything = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    sentence = f"that are not Relay's .{told}.: use a separate database for Relay"
    with connect(database_url) as connection:
        connection.execute(foreign)
        before = connection.execute(everything).fetchall()
        with pytest.raises(SchemaError, match=sentence):
            migrate(connection)
        assert connection.execute(everything).fetchall() == before


def test_a_database_that_lacks_a_migration_is_told_what_to_run(database: psycopg.Connection) -> None:
    database.execute(
        "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
    )
    with pytest.raises(SchemaError, match=f"lacks migration {ALL[-1]}: run `relayctl etl migrate`"):
        check_schema(database)


def test_a_database_that_is_not_utf8_is_refused(postgres_url: str) -> None:
    name = f"relay_latin_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as maintenance:
        maintenance.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with (
                connect(urlsplit(postgres_url)._replace(path=f"/{name}").geturl()) as connection,
                pytest.raises(SchemaError, match="has the encoding LATIN1, not UTF8"),
            ):
                migrate(connection)
        finally:
            maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
