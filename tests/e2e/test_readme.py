"""Executes the README's commands unchanged, with the stand-in provider and a real PostgreSQL.

Two are not executed: `make test` (this test is part of it) and `git clone`. Only the URLs of the upstreams
and the database, the port and the sealing interval differ from the README.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import stat
import sys
from pathlib import Path

import pytest
from aiohttp import web

from relayctl.demo.provider import StandIn

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```(sh|yaml)\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
SHELL = [text for kind, text in BLOCKS if kind == "sh"]

# A replacement for curl with the three options used, because Relay's tests must not need more than Python.
CURL = f"""#!{sys.executable}
import sys, urllib.request
arguments = sys.argv[1:]
headers = dict(v.split(": ", 1) for o, v in zip(arguments, arguments[1:]) if o == "-H")
data = next(v for o, v in zip(arguments, arguments[1:]) if o == "-d").encode()
url = next(a for a in arguments if a.startswith("http"))
print(urllib.request.urlopen(urllib.request.Request(url, data, headers)).read().decode())
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _script(port: int, database_url: str) -> str:
    """The README's commands in order, with waits where a reader would wait."""
    healthy = f"until (echo > /dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.1; done"
    text = "\n".join(SHELL[1:])
    text = re.sub(r"(relayctl serve .*&)\n", rf"\1\ntrap 'kill %1; wait' EXIT\n{healthy}\n", text)
    text = text.replace("relayctl usage --since today", "sleep 1\nrelayctl usage --since today", 1)
    text = re.sub(r"RELAY_DATABASE_URL=\S+", f"RELAY_DATABASE_URL='{database_url}'", text)
    return "set -eu\n" + text.replace(":8000", f":{port}")


@pytest.fixture
async def provider_port() -> object:
    """Runs a stand-in provider that never fails and yields its port."""
    runner = web.AppRunner(StandIn(seed=1, api_key="sk-readme", failing=False).app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def _environment(work: Path, port: int, provider_port: object) -> dict[str, str]:
    tools = work / "bin"
    tools.mkdir()
    if shutil.which("curl") is None:
        curl = tools / "curl"
        curl.write_text(CURL)
        curl.chmod(curl.stat().st_mode | stat.S_IXUSR)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELAY")}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{tools}:{os.environ['PATH']}",
        "OPENAI_API_KEY": "sk-readme",
        "ANTHROPIC_API_KEY": "sk-readme",
        "RELAY_SERVER__PORT": str(port),
        "RELAY_LOGS__ROTATE_SECONDS": "0.2",
        "RELAY_UPSTREAMS__OPENAI__BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
        "RELAY_UPSTREAMS__ANTHROPIC__BASE_URL": f"http://127.0.0.1:{provider_port}",
    }


async def test_commands_of_the_readme_work(tmp_path: Path, database_url: str, provider_port: object) -> None:
    (tmp_path / "relay.yaml").write_text(next(text for kind, text in BLOCKS if kind == "yaml"))
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", _script(port, database_url),
        cwd=tmp_path, env=_environment(tmp_path, port, provider_port),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 90)
    shown = out.decode()
    assert process.returncode == 0, err.decode()
    assert '"chat.completion"' in shown
    assert '"type": "message"' in shown or '"type":"message"' in shown
    assert shown.count("search") >= 2, "usage by team, and from PostgreSQL"
    assert '"relay.leaderboard/v1"' in shown


async def test_make_demo_works_as_the_readme_says() -> None:
    assert "make demo" in SHELL[0]
    ready = await asyncio.create_subprocess_exec("make", "--question", "setup", cwd=ROOT)
    # Otherwise it would recreate the .venv that this test runs in.
    assert await ready.wait() == 0, "run `make setup` first: .venv is older than uv.lock or pyproject.toml"
    process = await asyncio.create_subprocess_exec(
        "make", "demo", cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    assert b"relayctl" in out
