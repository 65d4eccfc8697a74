"""A private PostgreSQL server for the demo and the tests, gone without a trace when its process is gone.

It listens on no network: its only way in is a Unix socket in a directory that belongs to the user it runs as
(mode 0700). PostgreSQL refuses to run as root, so under root it runs as another, existing user.
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
_LONGEST_DIRECTORY: Final = 103 - len("/.s.PGSQL.5432")

# The shell makes the data, starts the server and waits for it. Its standard input is a pipe from us on which
# nothing is ever written: it ends when we end, whatever ends us, and then the server and the directory go.
# TERM goes before QUIT because a server that has only just been forked still ignores QUIT.
# Nothing is synced to disk: the data lives no longer than its server, so a crash has nothing to lose.
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
    """Whom the server runs as, as arguments for `subprocess`: nothing special, or under root another user."""
    if os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - only root needs it, and not every system has it

    users = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    preferred = [users.pop(name) for name in ("nobody", "daemon") if name in users]
    for entry in (*preferred, *users.values()):
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        # In a container root may lack the right to become another user, or only some users are mapped.
        if output_of("/bin/sh", "-c", "echo yes", **identity):
            return identity
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root and here root may not become another user: run as a normal user."
    )


def _private_directory(identity: dict[str, Any]) -> Path:
    """A new directory of mode 0700 that the server's user owns and reaches, and short enough for a socket."""
    bases = list(dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")))  # noqa: S108 - mkdtemp is safe
    for base in bases:
        try:
            directory = Path(tempfile.mkdtemp(prefix="relay-pg-", dir=base))
            if identity:
                os.chown(directory, identity["user"], identity["group"])
        except OSError:
            continue
        entered = output_of("/bin/sh", "-c", 'cd "$1" && echo yes', "sh", directory, **identity)
        if entered and len(os.fsencode(directory)) <= _LONGEST_DIRECTORY:
            return directory
        directory.rmdir()
    raise EmbeddedPostgresError(
        f"PostgreSQL's data finds no place in {', '.join(bases)}: set TMPDIR to a directory with a short "
        "name that its user can write to."
    )


def _start(binaries: Path, cleanup: ExitStack) -> str:
    identity = _identity()
    directory = _private_directory(identity)
    cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
    binaries = reachable_binaries(binaries, directory, identity)
    # An unnamed file: it can be read after the directory has gone, and needs no cleaning up.
    log = cleanup.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    process = subprocess.Popen(  # noqa: S603 - a constant script
        ["/bin/sh", "-c", _RUN, "sh", binaries, directory],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd="/",
        env={name: value for name, value in os.environ.items() if name[:2] != "PG"} | {"LC_ALL": "C"},
        # A Ctrl-C in the terminal is for us; the server ends when we do, after its last client.
        start_new_session=True,
        **identity,
    )
    cleanup.enter_context(process)  # on leaving it closes the pipe and waits
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
    faults = [line for line in lines if "FATAL:" in line or "error:" in line]
    raise EmbeddedPostgresError(f"PostgreSQL did not start: {[*faults, *lines[-1:], 'it said nothing'][0]}")


@contextmanager
def embedded_postgres(*, binaries: Path | None = None) -> Iterator[str]:
    """Runs a server of its own and gives the URL of its maintenance database; it ends with the block.

    It ends also when this process is killed. `binaries` is a directory with `initdb` and `postgres`, by
    default `newest_binaries()`. Raises `EmbeddedPostgresError`.
    """
    binaries = binaries or newest_binaries()
    with ExitStack() as cleanup:
        try:
            url = _start(binaries, cleanup)
        except OSError as error:
            raise EmbeddedPostgresError(f"PostgreSQL did not start: {error}") from error
        yield url
