"""The Dockerfile through hadolint, and what it promises that hadolint does not look at."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text("utf-8")
STAGES = re.split(r"^(?=FROM )", TEXT, flags=re.MULTILINE)[1:]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_both_stages_start_from_one_pinned_python() -> None:
    bases = [stage.split()[1] for stage in STAGES]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", bases[0])


def test_every_package_is_checked_against_the_lock() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install (.*)", STAGES[0])
    unlocked = [line for line in installs if "--require-hashes" not in line and "/tmp/dist/" not in line]
    (makefile,) = re.findall(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert unlocked == [f"uv=={makefile}"], "only uv itself, of the version that the Makefile takes"
    assert STAGES[0].count("uv export --quiet --frozen") == 2
    assert "--build-constraints /tmp/build.txt --require-hashes" in STAGES[0]


def test_the_image_has_no_build_tools_and_runs_unprivileged() -> None:
    run = STAGES[1]
    assert "pip uninstall" in run
    assert "apt-get" not in run
    assert re.findall(r"^USER (.+)$", run, re.MULTILINE) == ["10001:10001"]
    assert run.index("RUN ") < run.index("USER "), "nothing is run as the user that serves"
    assert "HEALTHCHECK" in run
    assert "STOPSIGNAL SIGTERM" in run


def test_the_build_sees_only_what_the_wheel_is_made_of() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    seen = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert [name for name in seen if not (ROOT / name).exists()] == []
    private = (".env", ".git", ".venv", "var", "relay.yaml", "keys.yaml", "tests")
    assert not any(fnmatch(name, rule) for name in private for rule in seen)
