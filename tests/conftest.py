"""What every test may ask for: a real PostgreSQL, and an empty database of its own.

Nothing is skipped here: without a PostgreSQL the tests that need one fail and say what to install.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from relayctl.demo.postgres import embedded_postgres
from tests.databases import new_database

# How long an example takes is the machine's affair; what it finds must be found again.
settings.register_profile("relay", deadline=None, print_blob=True)
settings.load_profile("relay")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database of `RELAY_TEST_DATABASE_URL`, else of an embedded server (one per worker)."""
    configured = os.environ.get("RELAY_TEST_DATABASE_URL")
    if configured:
        yield configured
        return
    with embedded_postgres() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty database that is dropped after the test, whoever is still connected to it."""
    with new_database(postgres_url) as url:
        yield url
