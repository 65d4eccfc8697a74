"""Shell completion: scripts that real shells accept, and their completions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relayctl.commands.completion import SHELLS

RUN = [sys.executable, "-c", "from relayctl.cli import main; main()"]


def relayctl(*arguments: str, **environ: str) -> str:
    return subprocess.run(
        [*RUN, *arguments], capture_output=True, text=True, check=True, env=os.environ | environ
    ).stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_script_calls_the_command(shell: str) -> None:
    script = relayctl("completion", shell)
    assert f"_RELAYCTL_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n", "/dev/stdin"], input=script, text=True, check=True)


OFFERS: list[tuple[str, str, list[str]]] = [
    ("relayctl lead", "1", ["leaderboard"]),
    ("relayctl keys ", "2", ["issue", "list", "revoke", "rotate"]),
    ("relayctl leaderboard --dimension ", "3", ["user", "team", "model", "provider", "key", "endpoint"]),
    ("relayctl usage --source ", "3", ["auto", "postgres", "logs"]),
    ("relayctl usage -o ", "3", ["table", "json", "ndjson", "csv", "md"]),
]


@pytest.mark.parametrize(("words", "at", "offers"), OFFERS)
def test_commands_options_and_values_are_completed(words: str, at: str, offers: list[str]) -> None:
    output = relayctl(_RELAYCTL_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=at)
    assert [line.partition(",")[2] for line in output.splitlines()] == offers


def test_completion_works_in_bash() -> None:
    assert shutil.which("bash")
    script = relayctl("completion", "bash")
    ask = 'COMP_WORDS=(relayctl usa); COMP_CWORD=1; _relayctl_completion relayctl; echo "${COMPREPLY[@]}"'
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=False, env=environ
    )
    assert done.stdout.split() == ["usage"], done.stderr
