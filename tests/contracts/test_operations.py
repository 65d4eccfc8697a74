"""docs/operations.md and the systemd units: commands exist, systemd understands, figures were measured."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from proxy.config import file as config_file
from tests.support.command_lines import problem

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text("utf-8")
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
# In a block a line ends the command, in the text a backtick; a comment or the shell may come before.
COMMANDS = sorted(set(re.findall(r"relayctl ((?:[a-z-]+ ?)[^`\n#|;&]*)", TEXT)))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_exists(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The page sets it once and not in each line.
    monkeypatch.setenv("RELAY_DATABASE_URL", "postgresql://relay@localhost/relay")
    assert problem(shlex.split(command)) is None


def test_the_page_has_the_commands_of_each_setup() -> None:
    assert len(COMMANDS) > 10
    assert set(re.findall(r"--profile (\w+)", TEXT)) == {
        profile for service in COMPOSE["services"].values() for profile in service.get("profiles", [])
    }
    assert set(re.findall(r"compose exec (\w+)", TEXT)) <= set(COMPOSE["services"])


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(r"(?<!exec )(?:deploy|helm|bench|docs)/[\w./*-]+\w", TEXT)
    assert named
    assert [path for path in named if not list(ROOT.glob(path))] == []


def _rounded(size: int) -> str:
    """A size as the page shows it: three digits."""
    unit, divisor = ("GB", 1e9) if size >= 1e9 else ("MB", 1e6)
    return f"{size / divisor:.3g} {unit}"


def test_the_sizes_are_those_that_were_measured() -> None:
    sizes = json.loads((ROOT / "bench" / "results" / "sizing.json").read_text("utf-8"))["bytes_per_million"]
    sizes["archive"] = sizes["archive_parquet"] + sizes["archive_packed_segments"]
    stated = dict(re.findall(r"^\| .*<!-- (\w+) --> \| ([\d.]+ [GM]B) \|$", TEXT, re.MULTILINE))
    assert stated == {name: _rounded(size) for name, size in sizes.items()}


def test_the_loading_rate_is_the_one_that_was_measured() -> None:
    figures = json.loads((ROOT / "bench" / "results" / "etl.json").read_text("utf-8"))["figures"]
    (load,) = (one["measured"] for one in figures if one["name"].startswith("segments to records"))
    (memory,) = (
        one["measured"]
        for one in figures
        if one["name"].startswith("peak memory") and "1,000,000" in one["name"]
    )
    rate, used = int(load.split()[0].replace(",", "")), float(memory.split()[0])
    (stated_rate,) = re.findall(r"about ([\d,]+) records a second", TEXT)
    (stated_memory,) = re.findall(r"in about (\d+) MiB", TEXT)
    assert abs(int(stated_rate.replace(",", "")) - rate) <= 0.1 * rate
    assert abs(int(stated_memory) - used) <= 0.1 * used


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    assert shutil.which("systemd-analyze"), "install systemd-analyze (Debian: apt-get install systemd)"
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/relay/bin/relayctl", str(Path(sys.executable)))
        (tmp_path / unit.name).write_text(text)
    units = [path for path in sorted(tmp_path.iterdir()) if path.suffix in {".service", ".timer"}]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_every_unit_starts_a_command_that_exists(unit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = unit.read_text("utf-8")
    monkeypatch.setenv("RELAY_DATABASE_URL", "postgresql://relay@localhost/relay")
    for name, value in re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE):
        monkeypatch.setenv(name, value)
    (command,) = re.findall(r"^ExecStart=/opt/relay/bin/relayctl (.*)$", text, re.MULTILINE)
    assert problem(shlex.split(command)) is None


def test_a_stop_of_the_unit_waits_longer_than_requests_have_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAY_LOG_DIR", raising=False)
    config = config_file.load(ROOT / "deploy" / "systemd" / "relay.yaml", {})
    (stop,) = re.findall(r"^TimeoutStopSec=(\d+)$", SERVICES[-1].read_text("utf-8"), re.MULTILINE)
    assert SERVICES[-1].name == "relay.service"
    assert int(stop) > config.server.drain_seconds + 10
    assert str(config.logs.dir) == "/var/lib/relay/logs"


def test_every_alert_that_the_page_names_has_its_runbook_and_exists() -> None:
    alerts = (ROOT / "dashboards" / "alerts" / "relay.yml").read_text("utf-8")
    named = re.findall(r"\[(\w+)\]\(runbooks/(\w+)\.md\)", TEXT)
    assert named
    assert [name for name, file in named if name != file or f"alert: {name}\n" not in alerts] == []
