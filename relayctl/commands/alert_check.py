"""`relayctl alert-check`: evaluates the alert rules and budgets once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from relayctl.alerts import budget_metrics
from relayctl.alerts import rules as rule_files
from relayctl.alerts.alertmanager import send
from relayctl.alerts.budgets import Statement, statement
from relayctl.alerts.check import KINDS, Kind, evaluate
from relayctl.commands.options import (
    archive_option,
    database_option,
    found_a_problem,
    logs_option,
    output_option,
    print_notes,
)
from relayctl.errors import InputError
from relayctl.render.alerts import alerts_sheet
from relayctl.render.output import Output, show
from relayctl.reports import time_range as period
from relayctl.sources.opening import open_source, utc_now

_file = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--rules",
    type=_file,
    metavar="FILE",
    help="Rules as Prometheus loads them.  [default: those that come with Relay]",
)
@click.option(
    "--source",
    type=click.Choice(KINDS),
    help="Whom to ask.  [default: prometheus where --prometheus-url is given, else logs]",
)
@click.option("--prometheus-url", metavar="URL", help="The Prometheus server, as http://127.0.0.1:9090.")
@click.option(
    "--budgets",
    type=_file,
    metavar="FILE",
    help="Budgets to check too, from PostgreSQL where a URL is given, else from the logs.",
)
@click.option(
    "--metrics-file",
    type=_file,
    metavar="FILE",
    help="Write the budgets' metrics here, for Prometheus' textfile collector (name it *.prom).",
)
@click.option("--alertmanager", metavar="URL", help="Send what fires to this Alertmanager.")
@click.option("--at", metavar="WHEN", help="Evaluate at this time, as --since of a report.  [default: now]")
@database_option
@logs_option
@archive_option
@output_option
def command(
    *,
    rules: Path | None,
    source: Kind | None,
    prometheus_url: str | None,
    budgets: Path | None,
    metrics_file: Path | None,
    alertmanager: str | None,
    at: str | None,
    database_url: str | None,
    logs: str,
    archive: str | None,
    output: Output,
) -> None:
    """Evaluate the alert rules and budgets once; code 3 when one fires.

    Example: relayctl alert-check --source logs --logs var/logs
    """
    moment = _moment(at)
    records = open_source("auto", database_url, logs, archive=archive)
    standing = statement(records, budgets, moment) if budgets else None
    check = evaluate(
        rule_files.read(rules) if rules else rule_files.shipped(),
        moment,
        source=source,
        prometheus_url=prometheus_url,
        logs=logs,
        statement=standing,
    )
    _keep(standing, metrics_file)
    print_notes(check.notes)
    show(alerts_sheet(check), output)
    if alertmanager:
        click.echo(f"alerts sent to Alertmanager: {send(alertmanager, check.verdicts)}", err=True)
    if check.fires:
        found_a_problem()


def _moment(at: str | None) -> datetime:
    now = utc_now().replace(microsecond=0)
    if at is None:
        return now
    try:
        return period.period(since=at, until=at, tz="UTC", now=now).until
    except InputError as error:
        raise InputError("at", str(error).replace("until", "at", 1)) from error


def _keep(standing: Statement | None, file: Path | None) -> None:
    if file is None:
        return
    if standing is None:
        raise InputError("metrics-file", "--metrics-file has nothing to write: give --budgets too")
    budget_metrics.write(standing.spent, file)
