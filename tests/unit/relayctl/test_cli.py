"""The console entry: what it imports, how it ends, where options come from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from etl.errors import DatabaseError
from proxy.errors import ConfigError
from relayctl import cli, exit_codes
from relayctl.errors import InputError, SourceError

ENTRY = "from relayctl.cli import main; main()"
HEAVY = ("aiohttp", "duckdb", "psycopg", "pydantic", "rich", "zoneinfo")


def relayctl(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ENTRY, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def raising(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `relayctl usage` with a command that raises, and gives the exit code."""

    def run(error: BaseException) -> int:
        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda _self, _ctx, _name: raising(error))
        return cli.run(["usage"])

    return run


def test_help_does_not_import_commands() -> None:
    code = (
        "import sys\nfrom relayctl.cli import run\nrun(['--help'])\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "leaderboard" in done.stdout
    assert done.stderr.split() == []


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_shows_its_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == exit_codes.DONE
    shown = [capsys.readouterr().out]
    command = cli.relayctl.get_command(click.Context(cli.relayctl), name)
    if isinstance(command, click.Group):
        assert all(cli.run([name, below, "--help"]) == exit_codes.DONE for below in command.commands)
        shown = capsys.readouterr().out.split("Usage: ")[1:]
    assert all(f"Example: relayctl {name}" in text for text in shown)


def test_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == exit_codes.DONE
    assert capsys.readouterr().out.startswith("relayctl ")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SourceError("the logs are gone"), 1, "relayctl: the logs are gone\n"),
        (DatabaseError("the database is down"), 1, "relayctl: the database is down\n"),
        (ConfigError("relay.yaml is wrong"), 1, "relayctl: relay.yaml is wrong\n"),
        (InputError("tz", "no such zone"), 2, "relayctl: no such zone\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (click.exceptions.Exit(3), 3, ""),
    ],
)
def test_error_is_one_sentence_with_its_exit_code(
    ended: Any, error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error) == code
    assert capsys.readouterr().err == said


def test_unexpected_error_keeps_its_traceback(ended: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        ended(ZeroDivisionError())


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["usage", "--frobnicate"],
        ["usage", "--since", "gestern"],
        ["usage", "--tz", "Mars/Olympus"],
        ["usage", "--since", "2026-11-02", "--until", "2026-11-01"],
        ["usage", "--source", "postgres"],
        ["leaderboard", "--metric", "beauty"],
        ["leaderboard", "--limit", "1001"],
        ["leaderboard", "--since", "1900-01-01", "--until", "9000-01-01", "--compare"],
        ["report"],
        ["report", "--out", "/tmp"],
        ["report", "--out", "x.html", "--budgets", "/nonexistent.yaml"],
        ["report", "--out", "x.html", "--since", "2026-11-02", "--until", "2026-11-01"],
        ["sql", "SELECT 1", "--since", "gestern"],
        ["sql", "SELECT 1", "--tz", "Mars/Olympus", "--since", "2026-11-01"],
        ["sql", "SELECT 1", "-o", "xml"],
        ["usage", "--logs", ""],
        ["usage", "--user", "Zo\udceb"],
        ["sql", "SELECT 'Zo\udceb'"],
        ["keys", "issue", "--user", "", "--team", "a"],
        ["keys", "issue", "--user", "a", "--team", "a\nb"],
        ["keys", "issue", "--user", "a", "--team", "b", "--models", ""],
        ["keys", "issue", "--user", "a", "--team", "b", "--models", "gpt-*,o*"],
        ["keys", "issue", "--user", "a", "--team", "b", "--usd-per-day", "1e-13"],
        ["etl", "archive", "--to", ""],
        ["etl", "archive", "--to", "x", "--logs", "s3://bucket/logs"],
        ["etl", "run", "--logs", "s3://bucket/logs", "--database-url", "postgresql:///x"],
        ["etl", "status", "--logs", "s3://bucket/logs", "--database-url", "postgresql:///x"],
        ["etl", "rejects", "--retry", "--logs", "s3://bucket/logs", "--database-url", "postgresql:///x"],
        ["etl", "run", "--every", "often"],
        ["etl", "status"],
    ],
)
def test_wrong_usage_is_on_stderr_and_exits_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RELAY_DATABASE_URL", raising=False)
    assert cli.run(arguments) == exit_codes.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err


def test_every_option_has_an_environment_variable(tmp_path: Path) -> None:
    done = relayctl(
        "usage",
        RELAYCTL_USAGE_LOGS=str(tmp_path),
        RELAYCTL_USAGE_OUTPUT="csv",
        RELAYCTL_USAGE_GROUP_BY="team",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("day,team_id,requests,")


def test_own_environment_variable_overrides_the_shared_one(tmp_path: Path) -> None:
    done = relayctl(
        "usage", "-o", "csv", RELAY_LOG_DIR="/nonexistent", RELAYCTL_USAGE_LOGS=str(tmp_path), TZ="UTC"
    )
    assert done.returncode == 0
    assert relayctl("usage", RELAY_LOG_DIR="/nonexistent").returncode == 1


def test_own_variable_of_config_overrides_the_shared_one() -> None:
    done = relayctl("keys", "list", RELAY_CONFIG="/shared.yaml", RELAYCTL_KEYS_LIST_CONFIG="/own.yaml")
    assert done.stderr.startswith("relayctl: /own.yaml cannot be read")


@pytest.mark.parametrize("arguments", [["--help"], ["usage", "-o", "csv"]])
def test_full_disk_is_one_sentence(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-c", ENTRY, *arguments]
    environment = os.environ | {"RELAY_LOG_DIR": str(tmp_path)}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    said = "relayctl: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (exit_codes.FAILED, said)


def test_closed_stdout_gives_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{sys.executable}" -c "{ENTRY}" usage --logs "{tmp_path}" >&-'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (exit_codes.DONE, "")


def test_closed_pipe_gives_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENTRY, "usage", "--logs", str(tmp_path)]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (exit_codes.CLOSED_PIPE, "")
