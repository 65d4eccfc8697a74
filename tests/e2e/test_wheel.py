"""The built wheel, installed outside the checkout, is sufficient to run the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of the wheel, on the path before the checkout."""
    work = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", work],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    target = work / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            target,
            *work.glob("*.whl"),
        ],
        check=True,
        capture_output=True,
    )
    return target


def _run(installed: Path, work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RELAY")}
    return subprocess.run(
        [sys.executable, installed / "bin" / "relayctl", *arguments],
        cwd=work,
        env=environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_wheel_contains_the_sql(installed: Path) -> None:
    assert list((installed / "etl" / "sql" / "migrations").glob("0001_*.sql"))


def test_wheel_runs_the_demo_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "demo", "--requests", "200")
    assert done.returncode == 0, done.stderr
    assert "team" in done.stdout
