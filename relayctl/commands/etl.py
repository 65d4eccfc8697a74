"""`relayctl etl`: loads sealed segments into PostgreSQL and shows the state of loading."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from etl.database import connection as database
from etl.database import migrations as migrate
from etl.errors import EtlError
from etl.load import metrics, rejects, retry, run, status
from etl.rollup import rollup
from etl.rollup import verification as differences
from relayctl.commands import etl_archive, etl_prune
from relayctl.commands.options import (
    Duration,
    exit_with_problem,
    local,
    logs_option,
    output_option,
    print_notes,
    with_database,
)
from relayctl.errors import RelayctlError
from relayctl.render import etl as sheets
from relayctl.render.output import Output, show
from relayctl.render.sheet import counted

_DEFAULT_REJECTS: Final = 100


def _summary(result: run.RunResult) -> str:
    return (
        f"{counted(result.segments, 'segment')} loaded: {counted(result.loaded, 'record')}, "
        f"{counted(result.duplicate, 'duplicate')}, {counted(result.rejected, 'reject')}"
    )


def _retried(result: retry.RetryResult) -> str:
    return (
        f"{counted(result.accepted, 'reject')} accepted: {counted(result.loaded, 'record')}, "
        f"{counted(result.duplicate, 'duplicate')}, {counted(result.others, 'other line')}"
    )


def _print_outcome(outcome: run.RunResult | EtlError) -> bool:
    """Prints the result of a run to stderr; returns whether it succeeded."""
    if isinstance(outcome, EtlError):
        click.echo(f"relayctl: {outcome}", err=True)
        return False
    click.echo(_summary(outcome), err=True)
    print_notes(outcome.failed)
    return True


@click.group()
def command() -> None:
    """Load sealed segments into PostgreSQL, archive and prune them."""


@command.command("run")
@click.option(
    "--every",
    type=Duration(),
    metavar="DURATION",
    help="Keep running and load at this interval, such as 15m, 1h, 1d.",
)
@click.option(
    "--metrics-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the ETL's metrics to this file after each run, for the node exporter's textfile collector "
    "(*.prom).",
)
@click.option(
    "--fast-path/--no-fast-path",
    default=True,
    show_default=True,
    help="Parse many lines at once, or each line by itself: the same result with more CPU time.",
)
@logs_option
@with_database
def run_command(
    *, url: str, logs: str, every: int | None, metrics_file: Path | None, fast_path: bool
) -> None:
    """Load the sealed segments in the log directory, once or at an interval.

    Example: relayctl etl run --logs var/logs --every 1h
    """
    directory = local(logs, "loaded")

    def report(outcome: run.RunResult | EtlError) -> None:
        if _print_outcome(outcome) and metrics_file:
            try:
                metrics.write(url, directory, metrics_file)
            except EtlError as error:
                _print_outcome(error)

    if every:
        run.run_every(url, directory, every, report, fast_path=fast_path)
        return
    result = run.run(url, directory, fast_path=fast_path)
    click.echo(_summary(result), err=True)
    if metrics_file:
        metrics.write(url, directory, metrics_file)
    if result.failed:
        raise RelayctlError(
            f"{counted(len(result.failed), 'segment')} could not be loaded: {'; '.join(result.failed)}"
        )


@command.command("migrate")
@with_database
def migrate_command(*, url: str) -> None:
    """Create or update the tables; safe to repeat.

    Example: relayctl etl migrate
    """
    with database.connect(url) as connection:
        names = migrate.migrate(connection)
    click.echo("\n".join(f"applied {name}" for name in names) or "nothing to apply", err=True)


@command.command("refresh")
@click.option(
    "--check",
    is_flag=True,
    help="Recompute the rollups from the records and show differences; exit code 3 if there are any.",
)
@output_option
@with_database
def refresh_command(*, url: str, check: bool, output: Output) -> None:
    """Bring usage_daily up to date, or check the rollups against the records.

    Example: relayctl etl refresh --check -o json
    """
    with database.connect(url) as connection:
        migrate.check_schema(connection)
        if not check:
            rollup.refresh(connection, force=True)
            click.echo("usage_daily is up to date", err=True)
            return
        found = differences.find(connection)
    show(sheets.differences_sheet(found), output)
    if found:
        exit_with_problem()


@command.command("status")
@logs_option
@output_option
@with_database
def status_command(*, url: str, logs: str, output: Output) -> None:
    """Show up to when everything is loaded, what is waiting and what is missing; exit code 3 if something is.

    Example: relayctl etl status
    """
    directory = local(logs, "compared with the database")
    with database.connect(url) as connection:
        migrate.check_schema(connection)
        found = status.read(connection, directory if directory.is_dir() else None)
    if found.waiting is None:
        print_notes((f"there is no log directory {logs}: what is waiting is unknown; give --logs",))
    show(sheets.status_sheet(found), output)
    if found.problem:
        exit_with_problem()


@command.command("rejects")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 100_000),
    default=_DEFAULT_REJECTS,
    show_default=True,
    help="Maximum number of lines.",
)
@click.option(
    "--retry",
    "again",
    is_flag=True,
    help="First load the lines that are acceptable now, from their segments in the log directory.",
)
@logs_option
@output_option
@with_database
def rejects_command(*, url: str, logs: str, limit: int, again: bool, output: Output) -> None:
    """Show the lines that could not be loaded, and why; with --retry, try to load them again first.

    Example: relayctl etl rejects --limit 20 -o csv
    """
    result = retry.retry(url, local(logs, "loaded again")) if again else None
    with database.connect(url) as connection:
        migrate.check_schema(connection)
        found = rejects.list_rejects(connection, limit)
    if result:
        click.echo(_retried(result), err=True)
    show(sheets.rejects_sheet(found), output)
    if result and result.failed:
        raise RelayctlError(f"not all rejects could be retried: {'; '.join(result.failed)}")


command.add_command(etl_archive.command)
command.add_command(etl_prune.command)
