"""Every PostgreSQL statement parses on PostgreSQL."""

from __future__ import annotations

import re

import psycopg
import pytest

from etl.database.queries import directory, named
from etl.records import columns as records
from etl.rollup import columns as rollup
from relayctl.sources import postgres

LISTS = {**records.SQL, **rollup.SQL, **postgres.SQL}
NAMES = [
    name
    for path in sorted(directory().glob("postgres/*.sql"))
    for name in re.findall(r"^-- name: (.*)$", path.read_text("utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("name", NAMES)
def test_postgresql_statement_parses(name: str, database: psycopg.Connection) -> None:
    # PL/pgSQL parses the statements of a block when it compiles it; RETURN comes before them.
    text = re.sub(r"%\(\w+\)s|%s", "NULL", named(name, **LISTS)).replace("%%", "%").replace("{name}", "name")
    text = re.sub(r"\{\w+\}", "'2026-11-01'", text).rstrip(";")
    block = f"BEGIN RETURN; {text}\n; END".replace("'", "''")
    database.execute(f"DO '{block}'".encode())


def test_invalid_statement_does_not_parse(database: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        database.execute(b"DO 'BEGIN RETURN; SELECT FROM WHERE; END'")
