"""What every test may ask for: a real PostgreSQL, and an empty database of its own.

Nothing is skipped here: without a PostgreSQL the tests that need one fail and say what to install.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from relayctl.demo.postgres import embedded_postgres
from tests.support.databases import new_database, system_binaries
from tests.support.replay import Replay, replaying
from tests.support.running import Relay, running, settings

# How long an example takes is the machine's affair; what it finds must be found again.
hypothesis.settings.register_profile("relay", deadline=None, print_blob=True)
hypothesis.settings.load_profile("relay")


def pytest_configure(config: pytest.Config) -> None:
    """Tests marked so run on the newest PostgreSQL and, where installed, once more on the system's."""
    config.addinivalue_line("markers", "every_postgres: runs on each PostgreSQL that is installed")
    # Tests send SIGINT to children, which inherit that it is ignored (nohup, background job), but no handler.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda _number, _frame: None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeats what is marked `every_postgres` for each server."""
    marked = metafunc.definition.get_closest_marker("every_postgres")
    if marked and "postgres_url" in metafunc.fixturenames and not os.environ.get("RELAY_TEST_DATABASE_URL"):
        servers = ["newest", *(["system"] if system_binaries() else [])]
        metafunc.parametrize("postgres_url", servers, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The rollup cache of relayctl is not written to the home of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The maintenance database of `RELAY_TEST_DATABASE_URL`, else of an embedded server (one per worker)."""
    configured = os.environ.get("RELAY_TEST_DATABASE_URL")
    if configured:
        yield configured
        return
    binaries = system_binaries() if getattr(request, "param", "newest") == "system" else None
    with embedded_postgres(binaries=binaries) as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty database that is dropped after the test even while it has connections."""
    with new_database(postgres_url) as url:
        yield url


@pytest.fixture
async def provider() -> AsyncIterator[Replay]:
    """A programmed provider; a test module that wants it to answer by itself has a fixture of its own."""
    async with replaying() as provider:
        yield provider


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    """The proxy in front of it, as it is configured by default."""
    async with running(settings(tmp_path, provider.url)) as relay:
        yield relay
