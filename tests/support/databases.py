"""Databases of a test's own on a real server, gone when the test is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from etl.database.connection import connect
from etl.database.migrations import migrate
from relayctl.demo import postgres_binaries


@cache
def system_binaries() -> Path | None:
    """The binaries of the oldest PostgreSQL of the system that Relay works with; None when it has none."""
    found = {postgres_binaries._version(path): path for path in postgres_binaries._system_binaries()}
    usable = {number: path for number, path in found.items() if number >= postgres_binaries.OLDEST_VERSION}
    return usable[min(usable)] if usable else None


@contextmanager
def new_database(postgres_url: str, *, template: str = "template0") -> Iterator[str]:
    """The URL of a new database, a copy of `template`; dropped afterwards even while it has connections."""
    name = f"relay_test_{uuid.uuid4().hex}"
    made, copied = sql.Identifier(name), sql.Identifier(template)
    with psycopg.connect(postgres_url, autocommit=True) as maintenance:
        maintenance.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE {}").format(made, copied))
        try:
            yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        finally:
            maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


@contextmanager
def migrated_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new database with the schema of this version."""
    with new_database(postgres_url) as url:
        with connect(url) as connection:
            migrate(connection)
        yield url
