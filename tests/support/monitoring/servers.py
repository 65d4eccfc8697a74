"""Runs the system's Prometheus and Alertmanager for tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import yaml

from tests.support.redis_server import free_port

_START_SECONDS: Final = 60


def binary(name: str, package: str) -> str:
    """The path of a program; fails the test with the package to install if it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: install {package} (Debian: apt-get install {package})")
    return found


@contextmanager
def prometheus_server(
    directory: Path,
    *,
    jobs: Mapping[str, Sequence[str]] | None = None,
    rules: Sequence[Path] = (),
    alertmanager: str | None = None,
) -> Iterator[str]:
    """Runs Prometheus with its data in `directory` and yields its URL; it scrapes and evaluates every second.

    `jobs` maps jobs to targets (`host:port`). Existing data in `directory` is kept, however old.
    """
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(targets)}]}
            for job, targets in (jobs or {}).items()
        ],
    }
    if alertmanager:
        target = {"targets": [alertmanager.removeprefix("http://")]}
        config["alerting"] = {"alertmanagers": [{"static_configs": [target]}]}
    directory.mkdir(parents=True, exist_ok=True)
    file = directory.with_suffix(".yml")
    file.write_text(yaml.safe_dump(config))
    command = [
        binary("prometheus", "prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _served(command, port, directory) as url:
        yield url


@contextmanager
def alertmanager_server(directory: Path, *, webhook: str | None = None) -> Iterator[str]:
    """Runs an Alertmanager that notifies the webhook at once, and yields its URL."""
    port = free_port()
    hooks = [{"url": webhook}] if webhook else []
    config = {
        "route": {"receiver": "hook", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "hook", "webhook_configs": hooks}],
    }
    directory.mkdir(parents=True, exist_ok=True)
    file = directory.with_suffix(".yml")
    file.write_text(yaml.safe_dump(config))
    command = [
        binary("prometheus-alertmanager", "prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={directory}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _served(command, port, directory) as url:
        yield url


@contextmanager
def _served(command: list[str], port: int, directory: Path) -> Iterator[str]:
    log = directory.with_suffix(".log")
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(server, f"{url}/-/ready", log)
            yield url
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{url} did not answer: {log.read_text('utf-8', 'replace')[-2000:]}")


def get(url: str, **parameters: str) -> Any:
    """Fetches the JSON at a URL."""
    with urllib.request.urlopen(f"{url}?{urlencode(parameters)}", timeout=30) as answer:
        return json.load(answer)


def query(url: str, expression: str, **parameters: str) -> list[dict[str, Any]]:
    """The result of a PromQL expression; raises `AssertionError` with Prometheus' message."""
    try:
        found = get(f"{url}/api/v1/query", query=expression, **parameters)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{expression}: {error.read().decode()}") from error
    result = found["data"]["result"]
    assert isinstance(result, list)
    return result
