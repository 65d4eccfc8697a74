"""Prometheus' own checker, as the system has it."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def promtool(*arguments: object) -> str:
    """Runs promtool and gives what it says; fails the test when it finds something or is not there."""
    binary = shutil.which("promtool")
    if binary is None:
        pytest.fail("promtool is missing: install prometheus (Debian: apt-get install prometheus)")
    done = subprocess.run(
        [binary, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
