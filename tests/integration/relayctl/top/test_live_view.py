"""`relayctl top` on a pseudo-terminal with a real proxy: its output and exit codes."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relayctl import exit_codes
from tests.support.replay import Replay, json_answer
from tests.support.running import Relay, running, settings

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


@pytest.fixture
async def relay(tmp_path: Path, provider: Replay) -> AsyncIterator[Relay]:
    provider.default = lambda _: json_answer({"model": "gpt-4o", "choices": [], "usage": USAGE})
    async with running(settings(tmp_path, provider.url)) as relay:
        await relay.post(CHAT, {"model": "gpt-4o", "messages": []})
        yield relay


def command(relay: Relay, *options: str) -> list[str]:
    logs = str(relay.config.logs.dir)
    run = [sys.executable, "-c", "from relayctl.cli import main; main()", "top", "--url", relay.url]
    return [*run, "--logs", logs, "--interval", "0.3", *options]


class Terminal:
    """`relayctl top` on a pseudo-terminal, and its output so far."""

    def __init__(self, relay: Relay) -> None:
        self._master, slave = pty.openpty()
        environ = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        self.process = subprocess.Popen(
            command(relay), stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)
        self.text = ""

    async def shows(self, pattern: str) -> None:
        async with asyncio.timeout(15):
            while not re.search(pattern, self.text):
                self.text += (await asyncio.to_thread(os.read, self._master, 65536)).decode()

    def press(self, key: bytes) -> None:
        os.write(self._master, key)

    async def ends(self) -> int:
        def drain() -> int:
            try:
                while data := os.read(self._master, 65536):
                    self.text += data.decode()
            except OSError:  # the other end of the terminal is closed
                pass
            return self.process.wait(10)

        return await asyncio.to_thread(drain)


async def test_top_shows_models_and_teams_and_ends_on_q(relay: Relay) -> None:
    terminal = Terminal(relay)
    await terminal.shows("in progress")
    for _ in range(5):
        await relay.post(CHAT, {"model": "gpt-4o", "messages": []})
    await terminal.shows(r"gpt-4o +[\d.]+ ")
    await terminal.shows(r"engines +[\d.]+ ")
    terminal.press(b"q")
    assert await terminal.ends() == exit_codes.DONE
    assert terminal.text.endswith(("\x1b[?25h", "\x1b[?1049l"))  # cursor and main screen are restored


async def test_ctrl_c_ends_top_without_a_traceback(relay: Relay) -> None:
    terminal = Terminal(relay)
    await terminal.shows("in progress")
    terminal.process.send_signal(signal.SIGINT)
    assert await terminal.ends() == exit_codes.INTERRUPTED
    assert "Traceback" not in terminal.text


async def once(relay: Relay, *options: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, command(relay, *options), capture_output=True, text=True, check=False
    )


async def test_without_a_terminal_one_screen_is_printed(relay: Relay) -> None:
    done = await once(relay)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^all +0\.0 ", done.stdout, re.MULTILINE)


async def test_unreachable_proxy_is_noted_on_the_screen(relay: Relay) -> None:
    done = await once(relay, "--url", "http://127.0.0.1:9", "--once")
    assert done.returncode == 0
    assert "no proxy answers at http://127.0.0.1:9" in done.stdout
