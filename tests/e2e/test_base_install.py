"""The wheel without extras, in a virtual environment of its own, is all that a proxy needs."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MASTER_KEY = "the-master-key-of-this-test"
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("RELAY", "PYTHON"))}
EXTRAS = ("duckdb", "langfuse", "prompt_toolkit", "psycopg", "pyarrow")

# Packages come from the index that pip is configured for, however slow it is.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which the wheel was installed, without an extra.

    The workers of pytest-xdist share one: the first installs, the others wait for it.
    """
    base = tmp_path_factory.getbasetemp()
    work = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "base-install"
    work.mkdir(exist_ok=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (work / "ready").exists():
            _install(work)
            (work / "ready").touch()
    return work / "venv" / "bin" / "python"


def _install(work: Path) -> None:
    """Builds the wheel and installs it, with the packages it needs, into `work/venv`."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(work)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", work / "venv"], check=True)
    python = str(work / "venv" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-compile"]
    (wheel,) = work.glob("*.whl")
    subprocess.run([*pip, "--constraint", str(ROOT / "constraints.txt"), str(wheel)], check=True)


def relayctl(python: Path, work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of the installed relayctl."""
    return subprocess.run(
        [str(python.with_name("relayctl")), *arguments],
        cwd=work,
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def served(python: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of `relayctl serve` with the default configuration."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [python.with_name("relayctl"), "serve", "--port", "0"],
            cwd=tmp_path,
            env=ENVIRON | {"PROXY_MASTER_KEY": MASTER_KEY},
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 30
        while not (found := re.search(r"serves on (\S+?)[, \n]", (tmp_path / "log").read_text("utf-8"))):
            assert process.poll() is None, (tmp_path / "log").read_text("utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("module", EXTRAS)
def test_the_base_install_has_no_package_of_an_extra(python: Path, module: str) -> None:
    done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr


def test_the_base_install_serves(served: str) -> None:
    with urllib.request.urlopen(f"{served}/healthz", timeout=10) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{served}/metrics", timeout=10) as answer:
        assert b"relay_" in answer.read()


def test_reports_over_http_name_the_missing_extra(served: str) -> None:
    request = urllib.request.Request(
        f"{served}/internal/usage", headers={"Authorization": f"Bearer {MASTER_KEY}"}
    )
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=10)
    with raised.value as answer:
        assert answer.status == 503
        assert "pip install 'relayctl[reports]'" in json.load(answer)["error"]["message"]


def test_the_base_install_issues_keys(python: Path, tmp_path: Path) -> None:
    done = relayctl(python, tmp_path, "keys", "issue", "--user", "ada", "--team", "search")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "var" / "keys.yaml").exists()


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["usage"], "reports"),
        (["leaderboard"], "reports"),
        (["sql", "SELECT 1"], "reports"),
        (["report", "--out", "page.html"], "reports"),
        (["alert-check"], "reports"),
        (["usage", "--database-url", "postgresql://relay@127.0.0.1/relay"], "etl"),
        (["etl", "status"], "etl"),
        (["langfuse", "status"], "langfuse"),
        (["demo"], "demo"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else None,
)
def test_a_command_names_its_missing_extra(
    python: Path, tmp_path: Path, command: list[str], extra: str
) -> None:
    done = relayctl(python, tmp_path, *command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(
        rf"relayctl: this needs \w+, which is not installed: run `pip install 'relayctl\[{extra}\]'`\n",
        done.stderr,
    )


def test_analytics_without_its_extra_is_refused_at_the_start(python: Path, tmp_path: Path) -> None:
    (tmp_path / "relay.yaml").write_text("analytics: {enabled: true}\n", "utf-8")
    done = relayctl(python, tmp_path, "serve", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.endswith("run `pip install 'relayctl[langfuse]'`\n")
