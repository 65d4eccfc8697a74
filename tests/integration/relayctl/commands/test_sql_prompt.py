"""The prompt of `relayctl sql` on a pseudo-terminal: history, Ctrl-C, Ctrl-D."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relayctl import exit_codes
from tests.support.report_data import record, write_segment

SLOW = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range % 5"


@pytest.fixture(autouse=True)
def _logs(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_segment(logs, [record(1)])
    monkeypatch.setenv("RELAY_LOG_DIR", str(logs))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class Terminal:
    """`relayctl sql` on a pseudo-terminal."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        command = [sys.executable, "-c", "from relayctl.cli import main; main()", "sql", "-o", "csv"]
        environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self._seen = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self._seen:
            ready, _, _ = select.select([self._master], [], [], deadline - time.monotonic())
            assert ready, self._seen
            self._seen += os.read(self._master, 65536).decode(errors="replace")
        self._seen = self._seen.partition(text)[2]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(_logs: None) -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def test_prompt_has_history_cancels_and_exits(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for("relay>")
    terminal.type("SELECT 'o' ||\r")
    terminal.wait_for("...>")
    terminal.type("'k!' AS answer;\r")
    terminal.wait_for("ok!")
    terminal.wait_for("relay>")
    terminal.type("explode 1;\r")
    terminal.wait_for("relayctl: Parser Error")
    terminal.wait_for("relay>")
    terminal.type(f"SELECT 'no' || 'w!'; {SLOW};\r")
    terminal.wait_for("now!")
    time.sleep(0.3)  # until the second statement runs: nothing on the screen says so
    terminal.process.send_signal(signal.SIGINT)
    terminal.wait_for("cancelled")
    terminal.wait_for("relay>")
    terminal.type("\x04")
    assert terminal.process.wait(timeout=30) == exit_codes.DONE
    history = tmp_path / "state" / "relay" / "sql_history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert "+'k!' AS answer;" in history.read_text()


def test_ctrl_c_ends_a_statement_given_as_argument() -> None:
    text = f"SELECT 66 AS before; {SLOW}"
    command = [sys.executable, "-c", "from relayctl.cli import main; main()", "sql", "-o", "csv", text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["before\n", "66\n"]
        time.sleep(0.3)  # until the second statement runs: nothing it writes says so
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (exit_codes.INTERRUPTED, "", "")


@pytest.mark.parametrize("state", ["/dev/null", "/proc/1/nothing"])
def test_unwritable_history_is_one_sentence(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from relayctl.commands.sql_prompt import history_file  # noqa: PLC0415 - what is tested
    from relayctl.errors import RelayctlError  # noqa: PLC0415 - beside it

    monkeypatch.setenv("XDG_STATE_HOME", state)
    with pytest.raises(RelayctlError, match="set XDG_STATE_HOME"):
        history_file()
