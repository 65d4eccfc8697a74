"""`relayctl alert-check`: evaluates the alert rules and budgets once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from relayctl.alerts import rules as rule_files
from relayctl.alerts.alertmanager import send
from relayctl.alerts.budgets import BudgetReport, evaluate_file, write_metrics
from relayctl.alerts.check import KINDS, Kind, evaluate
from relayctl.commands.options import (
    archive_option,
    database_option,
    exit_with_problem,
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
    help="Prometheus rule file.  [default: the rules shipped with Relay]",
)
@click.option(
    "--source",
    type=click.Choice(KINDS),
    help="Data source.  [default: prometheus if --prometheus-url is given, else logs]",
)
@click.option(
    "--prometheus-url", metavar="URL", help="URL of the Prometheus server, such as http://127.0.0.1:9090."
)
@click.option(
    "--budgets",
    type=_file,
    metavar="FILE",
    help="File of budgets to check too, from PostgreSQL if a URL is given, else from the logs.",
)
@click.option(
    "--metrics-file",
    type=_file,
    metavar="FILE",
    help="Write the budgets' metrics to this file, for the node exporter's textfile collector (*.prom).",
)
@click.option("--alertmanager", metavar="URL", help="Send firing alerts to this Alertmanager.")
@click.option("--at", metavar="WHEN", help="Time of evaluation, in the formats of --since.  [default: now]")
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
    """Evaluate the alert rules and budgets once; exit code 3 if an alert fires.

    Example: relayctl alert-check --source logs --logs var/logs
    """
    moment = _moment(at)
    records = open_source("auto", database_url, logs, archive=archive)
    budget_report = evaluate_file(records, budgets, moment) if budgets else None
    check = evaluate(
        rule_files.read(rules) if rules else rule_files.shipped(),
        moment,
        source=source,
        prometheus_url=prometheus_url,
        logs=logs,
        budgets=budget_report,
    )
    _write_metrics(budget_report, metrics_file)
    print_notes(check.notes)
    show(alerts_sheet(check), output)
    if alertmanager:
        click.echo(f"alerts sent to Alertmanager: {send(alertmanager, check.verdicts)}", err=True)
    if check.fires:
        exit_with_problem()


def _moment(at: str | None) -> datetime:
    now = utc_now().replace(microsecond=0)
    if at is None:
        return now
    try:
        return period.period(since=at, until=at, tz="UTC", now=now).until
    except InputError as error:
        raise InputError("at", str(error).replace("until", "at", 1)) from error


def _write_metrics(report: BudgetReport | None, file: Path | None) -> None:
    if file is None:
        return
    if report is None:
        raise InputError("metrics-file", "--metrics-file has nothing to write: give --budgets too")
    write_metrics(report.usages, file)
