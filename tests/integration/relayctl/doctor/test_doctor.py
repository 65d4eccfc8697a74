"""`relayctl doctor` on real installations: a working one, and one for each problem."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.request import keys
from relayctl.doctor.checks import Setup, run_checks
from relayctl.doctor.database import clock
from relayctl.doctor.finding import Finding
from tests.support.databases import new_database
from tests.support.langfuse.server import langfuse_server
from tests.support.monitoring.servers import prometheus_server
from tests.support.replay import Replay
from tests.support.running import Relay, running, settings

ENVIRON = {"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2", "PROXY_MASTER_KEY": "m"}


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    async with running(settings(tmp_path, provider.url)) as relay:
        yield relay


def write_config(relay: Relay, **changes: Any) -> Path:
    """The running proxy's configuration as a file."""
    config = relay.config.model_dump(mode="json", exclude={"upstreams": {"__all__": {"name"}}})
    config["server"]["port"] = int(relay.url.rpartition(":")[2])
    path = relay.config.keys.file.with_name("relay.yaml")
    path.write_text(yaml.safe_dump(config | changes))
    return path


def check_setup(path: Path | None, **setup: Any) -> dict[str, Finding]:
    given: dict[str, Any] = {"logs": None, "database_url": None, "prometheus_url": None, "environ": ENVIRON}
    found = list(run_checks(Setup(config_path=path, **(given | setup))))
    assert all(finding.advice for finding in found if finding.state != "ok")
    return {finding.check: finding for finding in found}


async def test_working_setup_has_no_problem(relay: Relay, migrated_url: str) -> None:
    with langfuse_server() as langfuse:
        environ = ENVIRON | langfuse.environ
        found = await asyncio.to_thread(
            check_setup, write_config(relay), database_url=migrated_url, environ=environ
        )
    assert {check: finding.what for check, finding in found.items() if finding.state != "ok"} == {
        "Prometheus": "no URL is given"
    }
    assert {"log directory", "disk", "open segments", "keys", "clock", "proxy", "schema", "Langfuse"} <= set(
        found
    )


async def test_empty_setup_gives_findings_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = await asyncio.to_thread(check_setup, None, environ={})
    assert found["keys"].state == "problem"
    assert {found[check].state for check in ("database", "Prometheus", "Langfuse", "proxy")} == {"not set up"}
    assert found["master key"].state == found["key of openai"].state == "warning"


async def test_invalid_configuration_does_not_stop_other_checks(relay: Relay) -> None:
    found = await asyncio.to_thread(check_setup, write_config(relay, serve={}), logs=relay.config.logs.dir)
    assert (found["configuration"].state, "'serve' is not a setting" in found["configuration"].what) == (
        "problem",
        True,
    )
    assert found["log directory"].state == "ok"


async def test_key_file_readable_by_others_is_a_problem(relay: Relay) -> None:
    relay.config.keys.file.chmod(0o644)
    found = await asyncio.to_thread(check_setup, write_config(relay))
    assert (found["keys"].state, found["keys"].advice) == ("problem", f"chmod 600 {relay.config.keys.file}")


async def test_key_file_without_a_valid_key_is_a_problem(relay: Relay) -> None:
    path = relay.config.keys.file
    (key,) = keys.read(path).keys
    keys.revoke(path, key.id)
    assert "no key that works" in (await asyncio.to_thread(check_setup, write_config(relay)))["keys"].what
    path.write_text("keys: [")
    assert (
        "is not a file of Relay keys"
        in (await asyncio.to_thread(check_setup, write_config(relay)))["keys"].what
    )


async def test_segment_left_by_a_dead_proxy_is_a_warning(relay: Relay) -> None:
    (relay.config.logs.dir / "usage-20261101T000000Z-dead-000001.jsonl.open").write_bytes(b"")
    found = await asyncio.to_thread(check_setup, write_config(relay))
    assert (found["open segments"].state, "1 left by a proxy" in found["open segments"].what) == (
        "warning",
        True,
    )


async def test_unreachable_services_are_problems(relay: Relay) -> None:
    upstreams = {"openai": {"api": "openai", "base_url": "http://127.0.0.1:9/v1"}}
    found = await asyncio.to_thread(
        check_setup,
        write_config(relay, upstreams=upstreams),
        database_url="postgresql://relay:hidden@127.0.0.1:9/relay",
        prometheus_url="http://127.0.0.1:9",
        environ=ENVIRON
        | {
            "LANGFUSE_PUBLIC_KEY": "pk",
            "LANGFUSE_SECRET_KEY": "hidden",
            "LANGFUSE_HOST": "http://127.0.0.1:9",
        },
    )
    for check in ("upstream openai", "database", "Prometheus", "Langfuse"):
        assert (check, found[check].state) == (check, "problem")
    assert "hidden" not in str(found)


async def test_prometheus_with_and_without_a_scraped_proxy(relay: Relay, tmp_path: Path) -> None:
    def states(path: Path) -> list[str]:
        with prometheus_server(tmp_path / "tsdb", jobs={"relay": [relay.url.removeprefix("http://")]}) as url:
            found: list[str] = [check_setup(path, prometheus_url=url)["Prometheus"].state]
            deadline = time.monotonic() + 20
            while found[-1] != "ok" and time.monotonic() < deadline:
                time.sleep(0.2)
                found.append(check_setup(path, prometheus_url=url)["Prometheus"].state)
        return found

    found = await asyncio.to_thread(states, write_config(relay))
    assert found[-1] == "ok"
    assert set(found[:-1]) <= {"problem"}


async def test_database_without_schema_has_advice_to_migrate(relay: Relay, postgres_url: str) -> None:
    with new_database(postgres_url) as url:
        found = await asyncio.to_thread(check_setup, write_config(relay), database_url=url)
    assert (found["schema"].state, "relayctl etl migrate" in found["schema"].advice) == ("problem", True)


async def test_one_missing_langfuse_key_is_a_problem(relay: Relay) -> None:
    found = await asyncio.to_thread(
        check_setup, write_config(relay), environ=ENVIRON | {"LANGFUSE_PUBLIC_KEY": "pk"}
    )
    assert "LANGFUSE_SECRET_KEY" in found["Langfuse"].what


CLOCKS = [(0.5, "ok"), (-1.9, "ok"), (3, "warning"), (-86400, "warning")]


@pytest.mark.parametrize(("seconds", "state"), CLOCKS)
def test_clock_difference_is_a_warning(seconds: float, state: str) -> None:
    assert clock(timedelta(seconds=seconds), "the database").state == state


async def test_exit_code_is_3_if_there_is_a_problem(relay: Relay) -> None:
    def run(path: Path) -> subprocess.CompletedProcess[str]:
        code = "from relayctl.cli import main; main()"
        command = [sys.executable, "-c", code, "doctor", "--config", str(path), "-o", "json"]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | ENVIRON)

    done = await asyncio.to_thread(run, write_config(relay))
    states = {finding["state"] for finding in json.loads(done.stdout)["findings"]}
    assert (done.returncode, "problem" in states) == (0, False)
    relay.config.keys.file.unlink()
    assert (await asyncio.to_thread(run, write_config(relay))).returncode == 3
