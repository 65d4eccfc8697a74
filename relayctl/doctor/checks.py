"""Runs all checks of an installation: first the files on this host, then the services that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.config import file as config_file
from proxy.config.settings import Config
from proxy.errors import RelayError
from relayctl.doctor import database, host, services
from relayctl.doctor.finding import Finding, ok, problem


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The installation to check; a value of None is not set up."""

    config_path: Path | None
    logs: Path | None
    database_url: str | None
    prometheus_url: str | None
    environ: Mapping[str, str]


def run_checks(setup: Setup) -> Iterator[Finding]:
    """Yields the findings as the checks run. Problems are findings, not exceptions."""
    config = Config()
    try:
        config = config_file.load(setup.config_path, setup.environ)
        yield ok("configuration", f"{setup.config_path or 'it'} is valid")
    except RelayError as error:
        yield problem("configuration", str(error), "correct it; the other checks use the defaults")
    logs = setup.logs or config.logs.dir
    yield from host.log_directory(logs, config.logs.rotate_seconds)
    yield from host.key_file(config.keys.file)
    yield from host.secrets(config, setup.environ)
    yield from services.proxy(config)
    yield from services.upstreams(config)
    yield from database.database(setup.database_url, logs)
    yield from services.prometheus(setup.prometheus_url)
    yield from services.langfuse(setup.environ)
