"""Runs a private PostgreSQL server for the demo and the tests, and removes it when the process ends.

It does not listen on the network, only on a Unix socket in a private directory (mode 0700) of its user.
PostgreSQL refuses to run as root, so under root it runs as another existing user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

import psycopg

from relayctl.demo.postgres_binaries import (
    EmbeddedPostgresError,
    newest_binaries,
    output_of,
    reachable_binaries,
)

_START_SECONDS: Final = 60
# A Unix socket's path has at most 107 bytes on Linux and 103 on macOS.
_MAX_DIRECTORY_BYTES: Final = 103 - len("/.s.PGSQL.5432")

# The shell initializes the data directory, starts the server and waits for it. Its stdin is a pipe from this
# process to which nothing is written: when this process ends, even by SIGKILL, the pipe closes, and the shell
# stops the server and removes the directory.
# TERM is sent before QUIT because a server that has just been forked still ignores QUIT.
# fsync is off: the data does not outlive the server, so a crash loses nothing.
_RUN: Final = """
binaries=$1 directory=$2
exec 3<&0 </dev/null
if "$binaries/initdb" -D "$directory/data" -U relay -A trust -E UTF8 --locale=C --no-sync --no-instructions
then
    "$binaries/postgres" -D "$directory/data" -k "$directory" -p 5432 -c listen_addresses= -c timezone=UTC \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off 3<&- &
    server=$!
    (read -r _ <&3; kill -TERM "$server"; kill -QUIT "$server") 2>/dev/null &
    watcher=$!
    wait "$server"
    kill "$watcher" 2>/dev/null
fi
rm -rf -- "$directory"
"""


def _identity() -> dict[str, Any]:
    """The user that the server runs as, as arguments for `subprocess`; empty unless this process is root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - only root needs it, and not every system has it

    users = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    preferred = [users.pop(name) for name in ("nobody", "daemon") if name in users]
    for entry in (*preferred, *users.values()):
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        # In a container root may not be allowed to change user, or only some users are mapped.
        if output_of("/bin/sh", "-c", "echo yes", **identity):
            return identity
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and root may not change user here: run as a normal user."
    )


def _private_directory(identity: dict[str, Any]) -> Path:
    """Creates a directory (mode 0700) that the server's user owns, with a path short enough for a socket."""
    bases = list(dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")))  # noqa: S108 - mkdtemp is safe
    for base in bases:
        try:
            directory = Path(tempfile.mkdtemp(prefix="relay-pg-", dir=base))
            if identity:
                os.chown(directory, identity["user"], identity["group"])
        except OSError:
            continue
        entered = output_of("/bin/sh", "-c", 'cd "$1" && echo yes', "sh", directory, **identity)
        if entered and len(os.fsencode(directory)) <= _MAX_DIRECTORY_BYTES:
            return directory
        directory.rmdir()
    raise EmbeddedPostgresError(
        f"PostgreSQL's data directory cannot be created in {', '.join(bases)}: set TMPDIR to a directory "
        "with a short path that its user can write to."
    )


def _start(binaries: Path, cleanup: ExitStack) -> str:
    identity = _identity()
    directory = _private_directory(identity)
    cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
    binaries = reachable_binaries(binaries, directory, identity)
    # An unnamed file: it stays readable after the directory is removed and needs no cleanup.
    log = cleanup.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    process = subprocess.Popen(  # noqa: S603 - a constant script
        ["/bin/sh", "-c", _RUN, "sh", binaries, directory],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd="/",
        env={name: value for name, value in os.environ.items() if name[:2] != "PG"} | {"LC_ALL": "C"},
        # Ctrl-C in the terminal must not reach the server; it stops when this process ends.
        start_new_session=True,
        **identity,
    )
    cleanup.enter_context(process)  # closes the pipe and waits on exit
    url = f"postgresql://relay@/postgres?host={quote(str(directory), safe='')}&port=5432"
    _wait_until_ready(url, process, log)
    return url


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "FATAL:" in line or "error:" in line]
    raise EmbeddedPostgresError(
        f"PostgreSQL did not start: {[*errors, *lines[-1:], 'it printed nothing'][0]}"
    )


@contextmanager
def embedded_postgres(*, binaries: Path | None = None) -> Iterator[str]:
    """Runs a private server during the block and yields the URL of its maintenance database.

    The server also ends when this process is killed. `binaries` is a directory with `initdb` and `postgres`,
    by default `newest_binaries()`. Raises `EmbeddedPostgresError`.
    """
    binaries = binaries or newest_binaries()
    with ExitStack() as cleanup:
        try:
            url = _start(binaries, cleanup)
        except OSError as error:
            raise EmbeddedPostgresError(f"PostgreSQL did not start: {error}") from error
        yield url
