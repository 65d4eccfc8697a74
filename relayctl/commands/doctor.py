"""`relayctl doctor`: looks at a whole set-up and says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import click

from relayctl.commands.configured import config_option
from relayctl.commands.options import OwnVariableFirst, database_option, found_a_problem, output_option
from relayctl.doctor.examination import Setup, examine
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
    help="The directory of log segments.  [default: logs.dir of the configuration]",
)
@database_option
@click.option("--prometheus-url", metavar="URL", help="A Prometheus that should scrape the proxy.")
@output_option
def command(
    *,
    config: Path | None,
    logs: Path | None,
    database_url: str | None,
    prometheus_url: str | None,
    output: Output,
) -> None:
    """Check the set-up of this host and say what to do; exit code 3 when something does not work.

    Example: relayctl doctor --config relay.yaml
    """
    setup = Setup(
        config_path=config,
        logs=logs,
        database_url=database_url,
        prometheus_url=prometheus_url,
        environ=os.environ,
    )
    findings = list(examine(setup))
    show(findings_sheet(findings), output)
    if any(finding.state == "problem" for finding in findings):
        found_a_problem()
