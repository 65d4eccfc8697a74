"""The measured processes, each on the measured core: Relay and its baselines."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from bench.proxy.messages import MODEL
from proxy.request import keys

PROXY_CORE: Final = 0
READY_SECONDS: Final = 120
_BIN: Final = Path(sys.executable).parent


class MissingError(RuntimeError):
    """A baseline is missing; the message says how to install it."""


class Side:
    """A running proxy: port, key, and the CPU time and memory of its processes (none without a pid)."""

    def __init__(self, *, pid: int | None, port: int, key: str) -> None:
        self._pid, self.port, self.key = pid, port, key

    def cpu(self) -> float:
        """Seconds of CPU time of the process and its children, every thread, those that ended included."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def memory(self, field: str = "VmRSS") -> float:
        """MiB in memory now (`VmRSS`) or at most ever (`VmHWM`), of the process itself."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith(field))) / 1024

    def _pids(self) -> list[int]:
        found = [] if self._pid is None else [self._pid]
        for pid in found:  # grows as it goes
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        return found


def _cpu_seconds(pid: int) -> float:
    # What clock_getcpuclockid(3) makes of a process id on Linux: nanoseconds, where /proc counts in 10 ms.
    return time.clock_gettime((~pid << 3) | 2)


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    command: list[str],
    scratch: Path,
    port: int,
    *,
    key: str = "none",
    environ: Mapping[str, str] | None = None,
) -> Iterator[Side]:
    """Runs a command on the measured core, once it listens. Raises `RuntimeError` with the end of its log."""
    with (scratch / f"{port}.log").open("wb+") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(PROXY_CORE), *command],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OPENAI_API_KEY": "sk-of-the-stand-in"} | dict(environ or {}),
        )
        try:
            deadline = time.monotonic() + READY_SECONDS
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(
                        f"{command[0]} does not serve: {log.read()[-600:].decode('utf-8', 'replace')}"
                    )
                time.sleep(0.05)
            yield Side(pid=process.pid, port=port, key=key)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


_ALL_LIMITS: Final = {
    "rpm": 10_000_000,
    "tpm": 1_000_000_000,
    "concurrency": 100_000,
    "tokens_per_day": 10**12,
    "usd_per_day": 1_000_000,
}


@contextmanager
def relay(
    directory: Path,
    provider: int,
    *,
    durability: str = "batch",
    models: tuple[str, ...] = (MODEL, "gpt-*"),
    features: bool = True,
) -> Iterator[Side]:
    """Relay as `relayctl serve` runs it with every limit set, or the same without its features."""
    port = free_port()
    config: dict[str, Any] = {
        "server": {"port": port},
        "logs": {"dir": str(directory / "logs"), "durability": durability},
        "keys": {"file": str(directory / "keys.yaml")},
        "limits": {"defaults": _ALL_LIMITS},
        "upstreams": {
            "openai": {
                "api": "openai",
                "base_url": f"http://127.0.0.1:{provider}/v1",
                "api_key_env": "OPENAI_API_KEY",
                "models": list(models),
                "price_provider": "openai",
            }
        },
    }
    key = keys.issue(directory / "keys.yaml", user="ada", team="engines")
    file = directory / "relay.yaml"
    file.write_text(yaml.safe_dump(config))
    own = [sys.executable, "-m", "bench.proxy.unmetered", str(file)]
    command = [str(_BIN / "relayctl"), "serve", "--config", str(file)] if features else own
    with started(command, directory, port, key=key) as side:
        yield side


@contextmanager
def bare(scratch: Path, provider: int) -> Iterator[Side]:
    """A minimal pass-through."""
    port = free_port()
    with started([sys.executable, "-m", "bench.proxy.bare", str(port), str(provider)], scratch, port) as side:
        yield side


_NGINX: Final = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_requests 1000000000; tcp_nodelay on;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  upstream provider {{ server 127.0.0.1:{provider}; keepalive 4096; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering {buffering};
    }}
  }}
}}
"""


@contextmanager
def nginx(scratch: Path, provider: int, *, buffering: bool = True) -> Iterator[Side]:
    """One worker with keep-alive upstreams and no access log. Raises `MissingError`."""
    if shutil.which("nginx") is None:
        raise MissingError("the baseline nginx is missing; install it (Debian: apt-get install nginx)")
    port = free_port()
    directory = scratch / f"nginx-{port}"
    directory.mkdir()
    file = directory / "nginx.conf"
    buffers = "on" if buffering else "off"
    file.write_text(_NGINX.format(directory=directory, provider=provider, port=port, buffering=buffers))
    command = ["nginx", "-c", str(file), "-p", str(directory), "-e", str(directory / "error.log")]
    with started(command, scratch, port) as side:
        yield side
