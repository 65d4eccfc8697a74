"""`sql/schema.sql` equals the schema that the migrations create."""

from __future__ import annotations

import os

import psycopg
import pytest

from etl.database.connection import connect
from etl.database.queries import directory
from tests.support.etl.schema import snapshot

pytestmark = pytest.mark.every_postgres

SNAPSHOT = directory() / "schema.sql"


def test_schema_snapshot_equals_the_migrations(database: psycopg.Connection) -> None:
    made = snapshot(database)
    if os.environ.get("RELAY_UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(made, encoding="utf-8")
    assert SNAPSHOT.read_text(encoding="utf-8") == made, "run this test with RELAY_UPDATE_SNAPSHOTS=1"


def test_schema_snapshot_recreates_the_schema(database_url: str) -> None:
    text = SNAPSHOT.read_text(encoding="utf-8")
    with connect(database_url) as connection:
        connection.execute(text)
        assert snapshot(connection) == text
