"""A fresh copy of a migrated database for each test: migrated once, copied in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from etl.database.connection import connect
from tests.support.databases import migrated_database, new_database
from tests.support.etl.segments import SegmentWriter


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database that nobody is connected to."""
    with migrated_database(postgres_url) as url:
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def migrated_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of an empty database with the schema of this version."""
    with new_database(postgres_url, template=template_database) as url:
        yield url


@pytest.fixture
def database(migrated_url: str) -> Iterator[psycopg.Connection]:
    """A connection to the migrated database of `migrated_url`."""
    with connect(migrated_url) as connection:
        yield connection


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """An empty log directory."""
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def writer(logs: Path) -> SegmentWriter:
    """A writer of sealed segments in `logs`."""
    return SegmentWriter(logs)


@pytest.fixture(scope="module")
def shared_url(postgres_url: str) -> Iterator[str]:
    """The URL of a migrated database that the tests of one module empty themselves."""
    with migrated_database(postgres_url) as made:
        yield made


@pytest.fixture(scope="module")
def shared(shared_url: str) -> Iterator[psycopg.Connection]:
    """A connection to it."""
    with connect(shared_url) as opened:
        yield opened
