"""Runs the system's promtool."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def promtool(*arguments: object) -> str:
    """Runs promtool and returns its output; fails the test if it fails or is not installed."""
    binary = shutil.which("promtool")
    if binary is None:
        pytest.fail("promtool is missing: install prometheus (Debian: apt-get install prometheus)")
    completed = subprocess.run(
        [binary, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout
