"""`python -m tests.operate.compose` runs the commands of docker-compose.yml without Docker.

It runs the script that creates PostgreSQL's roles in a real PostgreSQL with Relay's tables, and the profile
`demo` (stand-in provider, proxy, traffic) with the commands and settings of the file.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
import yaml

from etl.database.connection import connect
from etl.database.migrations import migrate
from proxy.segments.record import RequestLine
from relayctl.demo.postgres import embedded_postgres
from tests.support.running import lines

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
BIN: Final = Path(sys.executable).parent
WAIT_SECONDS: Final = 60
ENOUGH: Final = 10


def _log(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _refused(url: str, statement: str) -> bool:
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)
    except psycopg.Error:
        return True
    return False


def roles(server: str) -> None:
    """Runs the script as the PostgreSQL image does, and tests the privileges of each role."""
    place = urlsplit(server)

    def url(user: str, database: str) -> str:
        host = place.netloc.rpartition("@")[2]
        return place._replace(netloc=f"{user}:{user}@{host}", path=f"/{database}").geturl()

    with psycopg.connect(server, autocommit=True) as connection:
        # The server's superuser is `relay`, as created by POSTGRES_USER in the image.
        connection.execute("CREATE DATABASE relay OWNER relay ENCODING 'UTF8' TEMPLATE template0")
        info = connection.info
        environment = os.environ | {
            "PGHOST": info.host,
            "PGPORT": str(info.port),
            "POSTGRES_USER": "relay",
            "POSTGRES_DB": "relay",
            "GRAFANA_DATABASE_PASSWORD": "grafana",
            "LANGFUSE_DATABASE_PASSWORD": "langfuse",
        }
    script = ROOT / "deploy" / "postgres" / "10-roles.sh"
    subprocess.run(["bash", script], env=environment, check=True, stdout=subprocess.DEVNULL)
    with connect(url("relay", "relay")) as connection:
        migrate(connection)
    allowed = {
        "grafana reads": (
            url("grafana", "relay"),
            "SELECT count(*) FROM usage_daily, usage_records, etl_gaps",
        ),
        "langfuse makes its tables": (url("langfuse", "langfuse"), "CREATE TABLE t (i int)"),
    }
    refused = {
        "grafana writes": (
            url("grafana", "relay"),
            "SET default_transaction_read_only = off; DELETE FROM usage_records",
        ),
        "grafana makes tables": (
            url("grafana", "relay"),
            "SET default_transaction_read_only = off; CREATE TEMP TABLE t (i int)",
        ),
        "grafana sees Langfuse": (url("grafana", "langfuse"), "SELECT 1"),
        "langfuse sees Relay": (url("langfuse", "relay"), "SELECT 1"),
    }
    wrong = [what for what, asked in allowed.items() if _refused(*asked)]
    wrong += [what for what, asked in refused.items() if not _refused(*asked)]
    if wrong:
        sys.exit(f"PostgreSQL's roles are not as they should be: {', '.join(wrong)}")
    _log("PostgreSQL's roles have exactly the expected privileges")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(what: str, there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not there():
        if time.monotonic() > deadline:
            sys.exit(f"the demo: {what} did not come within {WAIT_SECONDS} seconds")
        time.sleep(0.2)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def demo(disk: Path) -> None:
    """Starts the demo's three services by their commands in the file, and waits for their records."""
    moved = {
        "provider:9000": f"127.0.0.1:{(provider := _free_port())}",
        "demo-proxy:8000": f"127.0.0.1:{(proxy := _free_port())}",
        "/var/lib/relay": str(disk),
        "/etc/relay/relay.yaml": str(disk / "relay.yaml"),
    }

    def resolve(text: str) -> str:
        for there, place in moved.items():
            text = text.replace(there, place)
        return text

    (disk / "relay.yaml").write_text(resolve((ROOT / "deploy" / "demo.yaml").read_text("utf-8")))
    image = {
        "RELAY_SERVER__PORT": str(proxy),
        "RELAY_LOG_DIR": str(disk / "logs"),
        "RELAY_KEYS__FILE": str(disk / "keys" / "keys.yaml"),
    }

    def start(name: str, *more: str) -> subprocess.Popen[bytes]:
        service = SERVICES[name]
        given = {name: resolve(value) for name, value in service.get("environment", {}).items()}
        words = [*service.get("entrypoint", ["relayctl"]), *service.get("command", ["serve"]), *more]
        program = [str(BIN / words[0]), *(resolve(word) for word in words[1:])]
        return subprocess.Popen(program, cwd=ROOT, env=os.environ | image | given)

    with ExitStack() as running:

        def kill_on_exit(process: subprocess.Popen[bytes]) -> None:
            running.callback(process.wait)
            running.callback(process.kill)

        kill_on_exit(start("provider", "--port", str(provider)))
        _wait("the provider", lambda: _listens(provider))
        kill_on_exit(start("demo-proxy"))
        _wait("the proxy", lambda: _listens(proxy))
        kill_on_exit(start("traffic"))
        _wait("traffic", lambda: _answered(disk / "logs") >= ENOUGH)
    _log(f"the demo's services work together: {_answered(disk / 'logs')} answers with usage")


def _answered(logs: Path) -> int:
    found = (line for line in lines(logs) if isinstance(line, RequestLine))
    return sum(record.status == 200 and record.total_tokens > 0 for record in found)


def main() -> None:
    """Exits with 0 if both work."""
    with embedded_postgres() as server:
        roles(server)
    with TemporaryDirectory() as directory:
        demo(Path(directory))


if __name__ == "__main__":
    main()
