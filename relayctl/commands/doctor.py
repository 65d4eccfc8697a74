"""`relayctl doctor`: checks the installation and gives advice."""

from __future__ import annotations

import os
from pathlib import Path

import click

from relayctl.commands.options import (
    OwnVariableFirst,
    config_option,
    database_option,
    exit_with_problem,
    output_option,
)
from relayctl.doctor.checks import Setup, run_checks
from relayctl.render.doctor import findings_sheet
from relayctl.render.output import Output, show


@click.command()
@config_option
@click.option(
    "--logs",
    cls=OwnVariableFirst,
    envvar="RELAY_LOG_DIR",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Directory of log segments.  [default: logs.dir of the configuration]",
)
@database_option
@click.option(
    "--prometheus-url", metavar="URL", help="URL of the Prometheus server that should scrape the proxy."
)
@output_option
def command(
    *,
    config: Path | None,
    logs: Path | None,
    database_url: str | None,
    prometheus_url: str | None,
    output: Output,
) -> None:
    """Check the installation on this host and give advice; exit code 3 if there is a problem.

    Example: relayctl doctor --config relay.yaml
    """
    setup = Setup(
        config_path=config,
        logs=logs,
        database_url=database_url,
        prometheus_url=prometheus_url,
        environ=os.environ,
    )
    findings = list(run_checks(setup))
    show(findings_sheet(findings), output)
    if any(finding.state == "problem" for finding in findings):
        exit_with_problem()
