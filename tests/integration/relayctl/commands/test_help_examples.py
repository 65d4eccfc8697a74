"""Executes the example in each command's help."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import pytest
import yaml

from etl.load.run import run
from proxy.request import keys
from proxy.request.keys import KeyLimits
from relayctl import cli, exit_codes
from tests.support.langfuse.server import langfuse_server
from tests.support.report_data import record, write_segment
from tests.support.s3 import s3_server

ROOT: Final = Path(__file__).parents[4]
KEY: Final = "key_0a1b2c3d4e5f"

ELSEWHERE: Final = {
    "relayctl demo": "takes a minute: tests/e2e/test_demo.py runs it",
    "relayctl serve": "wants port 8000, which may be taken: tests/support/running.py serves on free ones",
    "relayctl top": "wants a proxy on port 8000: tests/integration/relayctl/top/test_live_view.py",
}
"""Examples that are not executed here, with the reason."""

ENDLESS: Final = {"relayctl etl run", "relayctl langfuse follow"}
"""Commands that run until a signal."""


def _examples(command: click.Command, context: click.Context) -> Iterator[tuple[str, str | None]]:
    """Each command that is not a group, by its path, and the example in its help, None if it has none."""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _examples(found, click.Context(found, info_name=name, parent=context))
    else:
        match = re.search(r"^\s*Example: (relayctl .+)$", command.help or "", re.MULTILINE)
        yield context.command_path, match[1] if match else None


EXAMPLES: Final = dict(_examples(cli.relayctl, click.Context(cli.relayctl, info_name="relayctl")))


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """An S3 server with the bucket of the examples and a Langfuse; yields the environment to use them."""
    with langfuse_server() as langfuse, s3_server() as endpoint:
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bucket", method="PUT")).close()
        yield langfuse.environ


@pytest.fixture
def place(
    migrated_url: str, servers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory with records of today, keys and a configuration; a database, an S3 server, a Langfuse."""
    logs = tmp_path / "var" / "logs"
    logs.mkdir(parents=True)
    now = datetime.now(UTC)
    write_segment(logs, [record(n, created_at=now - timedelta(minutes=n)) for n in range(1, 5)])
    run(migrated_url, logs)
    file = tmp_path / "var" / "keys.yaml"
    keys.issue(file, user="ada", team="search", models=("*",), limits=KeyLimits())
    file.write_text(re.sub(r"key_\w+", KEY, file.read_text()))
    (tmp_path / "relay.yaml").write_text(yaml.safe_dump({"logs": {"dir": "var/logs"}}))
    shutil.copytree(ROOT / "dashboards" / "alerts", tmp_path / "dashboards" / "alerts")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RELAY_DATABASE_URL", migrated_url)
    for name in ("RELAY_LOG_DIR", "RELAY_ARCHIVE", "RELAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, value in servers.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("path", sorted(EXAMPLES))
def test_every_command_has_an_example(path: str) -> None:
    example = EXAMPLES[path]
    assert example is not None
    assert example.startswith(path)


def test_skipped_examples_name_existing_commands() -> None:
    assert ELSEWHERE.keys() | ENDLESS <= EXAMPLES.keys()


@pytest.mark.parametrize("path", sorted(EXAMPLES.keys() - ELSEWHERE.keys() - ENDLESS))
def test_example_works(path: str, place: None, capfd: pytest.CaptureFixture[str]) -> None:
    code = cli.run(shlex.split(EXAMPLES[path] or "")[1:])
    said = capfd.readouterr()
    assert code in (exit_codes.DONE, exit_codes.FOUND), said.err
    assert said.out or said.err


@pytest.mark.parametrize("path", sorted(ENDLESS))
def test_long_running_example_starts_and_stops_on_signal(path: str, place: None) -> None:
    command = [sys.executable, "-c", "from relayctl.cli import main; main()"]
    process = subprocess.Popen(
        [*command, *shlex.split(EXAMPLES[path] or "")[1:]], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=30)
    assert process.returncode in (exit_codes.DONE, exit_codes.INTERRUPTED, -signal.SIGTERM), rest
    assert "Traceback" not in rest
