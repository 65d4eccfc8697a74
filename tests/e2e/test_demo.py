"""`relayctl demo` as a user runs it: its output is right, its commands work, it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
TIMEOUT_SECONDS = 120


def environment(scratch: Path) -> dict[str, str]:
    """The environment without Relay's settings, and with a temporary directory to find leftovers."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RELAY")}
    return inherited | {"PATH": f"{BIN}:{os.environ['PATH']}", "TMPDIR": str(scratch)}


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory with a short path and open to every user, for PostgreSQL's socket and data."""
    path = Path("/tmp") / f"e2e-{os.getpid()}-{time.monotonic_ns()}"
    path.mkdir()
    path.chmod(0o777)
    yield path
    assert list(path.iterdir()) == [], "the demo left something in the temporary directory"
    path.rmdir()


def relayctl(*arguments: str, cwd: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["relayctl", *arguments],
        cwd=cwd,
        env=environment(scratch),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def running(*arguments: str, cwd: Path, scratch: Path) -> Iterator[subprocess.Popen[str]]:
    """`relayctl demo` in the background, its output in one pipe; killed if a test fails."""
    process = subprocess.Popen(
        ["relayctl", "demo", *arguments],
        cwd=cwd,
        env=environment(scratch),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    pytest.fail(f"the demo ended before it printed {text!r}:\n{seen}")


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def processes_in(directory: Path) -> list[str]:
    """The command lines of running processes that contain the directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(directory) in line:
            found.append(line)
    return found


def commands_in(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if re.match(r"  (relayctl|curl) ", line)]


def totals(output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output)["totals"]
    return {name: found[name] for name in found if name != "avg_latency_ms"}


def run_demo(cwd: Path, scratch: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Runs a demo to its end and returns its result and directory."""
    before = set(cwd.glob("var/demo/*"))
    completed = relayctl("demo", "--requests", "400", cwd=cwd, scratch=scratch)
    assert completed.returncode == 0, completed.stderr
    (directory,) = set(cwd.glob("var/demo/*")) - before
    return completed, directory


def whole_week(directory: Path, *, cwd: Path, scratch: Path) -> dict[str, Any]:
    asked = ("usage", "--granularity", "total", "-o", "json", "--logs", str(directory / "logs"))
    return totals(relayctl(*asked, cwd=cwd, scratch=scratch).stdout)


def test_demo_output_and_its_suggested_commands_work(tmp_path: Path, scratch: Path) -> None:
    completed, directory = run_demo(tmp_path, scratch)
    assert "Traceback" not in completed.stderr
    assert "400 of 400" in completed.stderr
    assert "400 requests answered" in completed.stdout
    assert "dates are simulated" in completed.stdout
    assert not list(directory.glob("logs/*.open"))
    follow_up = commands_in(completed.stdout)
    assert len(follow_up) == 4
    for line in follow_up[:3]:
        again = relayctl(*shlex.split(line)[1:], cwd=tmp_path, scratch=scratch)
        assert (again.returncode, again.stderr) == (0, "")
    whole = totals(again.stdout)
    assert whole["requests"] == 400
    assert whole["unpriced_requests"] == 0
    assert 0 < whole["errors"] < 40
    assert f"{whole['total_tokens']:,}" in completed.stdout

    days = re.findall(r"^(\d{4}-\d\d-\d\d)  +(\d+\.\d{4}) USD  [█▏▎▍▌▋▊▉]+$", completed.stdout, re.MULTILINE)
    # The last of the seven days may have only just begun.
    assert len(days) in {6, 7}
    assert [day for day, _ in days] == sorted({day for day, _ in days})
    assert sum(float(amount) for _, amount in days) == pytest.approx(whole["cost_usd"], abs=0.0005)


def test_two_runs_make_two_directories_with_equal_costs(tmp_path: Path, scratch: Path) -> None:
    totals_of_runs = [
        whole_week(run_demo(tmp_path, scratch)[1], cwd=tmp_path, scratch=scratch) for _ in range(2)
    ]
    assert totals_of_runs[0]["requests"] == 400
    assert totals_of_runs[0] == totals_of_runs[1]


def test_keep_serves_new_requests_until_ctrl_c(tmp_path: Path, scratch: Path) -> None:
    with running("--keep", "--requests", "100", cwd=tmp_path, scratch=scratch) as process:
        output = read_until(process, "-o json --logs")
        chat, usage, internal, metrics = commands_in(output)[:4]
        assert get(chat).endswith("data: [DONE]")
        assert wait_for(lambda: totals(get(internal))["requests"] == 1)
        shown = relayctl(*shlex.split(usage)[1:], "-o", "json", cwd=tmp_path, scratch=scratch)
        assert totals(shown.stdout) == totals(get(internal))
        assert "relay_requests_total" in get(metrics)
        assert {address for address, _ in listening(process.pid)} == {"127.0.0.1"}
        process.send_signal(signal.SIGINT)
        assert process.stdout
        rest = process.stdout.read()
        assert process.wait(TIMEOUT_SECONDS) == 130
    assert "Traceback" not in output + rest
    assert not processes_in(scratch)


@pytest.mark.parametrize("moment", ["Starting PostgreSQL", "Sending requests", "250 of 1,000"])
def test_ctrl_c_at_any_time_leaves_no_process_or_traceback(
    tmp_path: Path, scratch: Path, moment: str
) -> None:
    with running("--requests", "1000", cwd=tmp_path, scratch=scratch) as process:
        before = read_until(process, moment)
        process.send_signal(signal.SIGINT)
        assert process.stdout
        after = process.stdout.read()
        assert process.wait(TIMEOUT_SECONDS) == 130
    assert "Traceback" not in before + after
    assert not processes_in(scratch)


def test_killed_demo_leaves_no_process(tmp_path: Path, scratch: Path) -> None:
    with running("--requests", "1000", cwd=tmp_path, scratch=scratch) as process:
        read_until(process, "250 of 1,000")
        assert processes_in(scratch)
        process.kill()
    assert wait_for(lambda: not processes_in(scratch))
    assert wait_for(lambda: not list(scratch.iterdir()))


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--dir", "a-file"], 1, "a-file is not a directory: choose another place with --dir"),
        (["--requests", "0"], 2, "0 is not in the range"),
        (["--requests", "many"], 2, "'many' is not a valid integer range"),
    ],
)
def test_demo_error_is_one_sentence(
    tmp_path: Path, scratch: Path, arguments: list[str], code: int, sentence: str
) -> None:
    (tmp_path / "a-file").write_text("")
    completed = relayctl("demo", *arguments, cwd=tmp_path, scratch=scratch)
    assert completed.returncode == code
    assert sentence in completed.stderr
    assert "Traceback" not in completed.stderr


def parts(command: str) -> tuple[str, dict[str, str], bytes | None]:
    """URL, headers and body of a curl command as the demo prints them; curl may not be installed."""
    words = shlex.split(command)
    options = list(pairwise(words))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    body = next((value.encode() for option, value in options if option == "-d"), None)
    return next(word for word in words if word.startswith("http")), headers, body


def get(command: str) -> str:
    url, headers, body = parts(command)
    with urllib.request.urlopen(
        urllib.request.Request(url, body, headers), timeout=TIMEOUT_SECONDS
    ) as answer:
        return str(answer.read().decode().strip())


def listening(pid: int) -> set[tuple[str, int]]:
    """The addresses and ports that a process listens on, from /proc."""
    inodes = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
                packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
                found.add((socket.inet_ntop(family, packed), int(port, 16)))
    return found
