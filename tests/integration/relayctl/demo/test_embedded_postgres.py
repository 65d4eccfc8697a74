"""The embedded PostgreSQL: a real server that leaves no process and no file behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from relayctl.demo import postgres_binaries
from relayctl.demo.postgres import embedded_postgres
from relayctl.demo.postgres_binaries import EmbeddedPostgresError, newest_binaries, output_of

ROOT = Path(__file__).parents[4]
NOBODY_USER: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}

HOLD = """
import os, sys
from relayctl.demo.postgres import embedded_postgres
if user := int(os.environ.get("BECOME", 0)):
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
with embedded_postgres() as url:
    print(url, flush=True)
    sys.stdin.read()
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user, or hide files")


def socket_directory(url: str) -> Path:
    return Path(str(conninfo_to_dict(url)["host"]))


def processes_of(directory: Path) -> list[str]:
    """The command lines of running processes that contain the directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(directory) in line:
            found.append(line)
    return found


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def fetch_value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A temporary directory that every user can write to; pytest's is private."""
    with tempfile.TemporaryDirectory(prefix="t-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def holder(*, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """A process that starts a server, prints its URL and keeps it running until its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
    )


def test_server_uses_utf8_and_utc_and_no_network() -> None:
    with embedded_postgres() as url:
        assert int(str(fetch_value(url, "SHOW server_version_num"))) >= 150000
        assert fetch_value(url, "SHOW server_encoding") == "UTF8"
        assert fetch_value(url, "SHOW timezone") == "UTC"
        assert fetch_value(url, "SHOW listen_addresses") == ""
        assert fetch_value(url, "SELECT datcollate FROM pg_database LIMIT 1") == "C"


def test_directory_is_private_and_removed_afterwards() -> None:
    with embedded_postgres() as url:
        directory = socket_directory(url)
        assert directory.stat().st_mode & 0o777 == 0o700
        assert processes_of(directory)
    assert not directory.exists()
    assert not processes_of(directory)


def test_exception_in_the_block_stops_the_server() -> None:
    def fail_inside() -> None:
        with embedded_postgres() as url:
            raise LookupError(url)

    with pytest.raises(LookupError) as caught:
        fail_inside()
    directory = socket_directory(str(caught.value))
    assert not directory.exists()
    assert not processes_of(directory)


def test_several_servers_run_side_by_side() -> None:
    def create_and_count(number: int) -> object:
        with embedded_postgres() as url, psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE number_{number}".encode())
            return fetch_value(url, "SELECT count(*) FROM pg_database WHERE datname LIKE 'number%'")

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(create_and_count, range(3))) == [1, 1, 1]


def test_killed_process_leaves_no_server_and_no_directory() -> None:
    with holder() as process:
        assert process.stdout
        directory = socket_directory(process.stdout.readline())
        assert processes_of(directory)
        process.send_signal(signal.SIGKILL)
    assert wait_for(lambda: not processes_of(directory))
    assert wait_for(lambda: not directory.exists())


@pytest.mark.parametrize(
    "sign",
    [
        "relay-pg-*/data",  # initdb has begun
        "relay-pg-*/data/PG_VERSION",  # initdb is filling the directory
        "relay-pg-*/data/postmaster.opts",  # the server has begun
        "relay-pg-*/.s.PGSQL.5432",  # the server has its socket
    ],
)
def test_process_killed_during_the_start_leaves_nothing(open_directory: Path, sign: str) -> None:
    with holder(env={"TMPDIR": str(open_directory)}) as process:
        assert wait_for(lambda: any(open_directory.glob(sign)))
        process.kill()
    assert wait_for(lambda: not any(open_directory.iterdir()))
    assert wait_for(lambda: not processes_of(open_directory))


@needs_root
def test_normal_user_without_a_home_can_start_a_server() -> None:
    # The process changes user itself: the interpreter may be where only root can start it.
    with holder(env={"HOME": "/nonexistent", "BECOME": str(NOBODY_USER["user"])}) as process:
        assert process.stdout
        assert process.stdin
        url = process.stdout.readline().strip()
        assert fetch_value(url, "SELECT 1") == 1
        assert socket_directory(url).owner() == "nobody"
        process.stdin.close()
        assert process.wait(30) == 0
    assert not socket_directory(url).exists()


@needs_root
def test_server_started_by_root_runs_as_another_user() -> None:
    with embedded_postgres() as url:
        assert socket_directory(url).stat().st_uid != 0
        assert fetch_value(url, "SELECT pg_read_file('/proc/self/status') ~ 'Uid:\\s+0'") is False


@needs_root
def test_binaries_readable_only_by_root_are_copied(tmp_path: Path) -> None:
    package = newest_binaries().parents[1]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for source in (package, *package.parent.glob(f"{package.name}.libs")):
        output_of("cp", "-a", source, closed)
    binaries = closed / package.name / newest_binaries().parent.name / "bin"
    assert not output_of(binaries / "postgres", "--version", **NOBODY_USER)
    with embedded_postgres(binaries=binaries) as url:
        assert fetch_value(url, "SELECT 1") == 1
        directory = socket_directory(url)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert not directory.exists()


def test_temporary_directory_with_a_long_name_is_skipped(
    open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = open_directory / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with embedded_postgres() as url:
        assert fetch_value(url, "SELECT 1") == 1
    assert not any(deep.iterdir())


def test_without_the_wheel_the_system_server_or_an_error_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = tuple(postgres_binaries._system_binaries())
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda _: None)
    if any(postgres_binaries._version(path) >= 15 for path in system):
        assert newest_binaries() in system
    monkeypatch.setattr(postgres_binaries, "_system_binaries", list)
    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'relayctl\[demo\]'"):
        newest_binaries()


def test_broken_binaries_are_one_sentence(tmp_path: Path) -> None:
    binaries = tmp_path / "package" / "server" / "bin"  # the server copies its package, not pytest's folder
    binaries.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (binaries / name).write_text("#!/bin/sh\necho 'initdb: error: no room' >&2\nexit 1\n")
        (binaries / name).chmod(0o755)
    tmp_path.chmod(0o755)
    sentence = r"^PostgreSQL did not start: initdb: error: no room$"
    with pytest.raises(EmbeddedPostgresError, match=sentence), embedded_postgres(binaries=binaries):
        pytest.fail("it started")


def test_each_test_gets_its_own_empty_database(database_url: str, postgres_url: str) -> None:
    assert fetch_value(database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert fetch_value(database_url, "SELECT current_database()") != fetch_value(
        postgres_url, "SELECT current_database()"
    )
