"""`relayctl etl`: loads sealed segments into PostgreSQL, and shows how that stands."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from etl import database, migrate, rejects, rollup, run, status
from etl.errors import EtlError
from relayctl.commands.options import (
    Duration,
    database_option,
    found_a_problem,
    logs_option,
    output_option,
    tell,
)
from relayctl.errors import InputError, RelayctlError
from relayctl.render import etl as sheets
from relayctl.render.output import Output, show
from relayctl.render.sheet import counted

_DEFAULT_REJECTS: Final = 100


def with_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--database-url`, without which the command cannot be called."""

    @functools.wraps(command)
    def checked(*, database_url: str | None, **own: Any) -> Any:
        if not database_url:
            raise InputError("database_url", "no database: give --database-url or set RELAY_DATABASE_URL")
        return command(url=database_url, **own)

    return database_option(checked)


def _summary(result: run.RunResult) -> str:
    return (
        f"{counted(result.segments, 'segment')} loaded: {counted(result.loaded, 'record')}, "
        f"{counted(result.duplicate, 'duplicate')}, {counted(result.rejected, 'reject')}"
    )


def _report(outcome: run.RunResult | EtlError) -> None:
    if isinstance(outcome, EtlError):
        click.echo(f"relayctl: {outcome}", err=True)
        return
    click.echo(_summary(outcome), err=True)
    tell(outcome.failed)


@click.group()
def command() -> None:
    """Load sealed segments into PostgreSQL and look after them."""


@command.command("run")
@click.option("--every", type=Duration(), metavar="DURATION", help="Go on for ever, once in 15m, 1h, 1d.")
@logs_option
@with_database
def run_command(*, url: str, logs: str, every: int | None) -> None:
    """Load what waits in the log directory, once or for ever.

    Example: relayctl etl run --logs var/logs --every 1h
    """
    directory = Path(logs)
    if every:
        run.run_every(url, directory, every, _report)
        return
    result = run.run(url, directory)
    click.echo(_summary(result), err=True)
    if result.failed:
        raise RelayctlError(
            f"{counted(len(result.failed), 'segment')} could not be loaded: {'; '.join(result.failed)}"
        )


@command.command("migrate")
@with_database
def migrate_command(*, url: str) -> None:
    """Make or update the tables; safe to repeat.

    Example: relayctl etl migrate
    """
    with database.connect(url) as connection:
        names = migrate.migrate(connection)
    click.echo("\n".join(f"applied {name}" for name in names) or "nothing to apply", err=True)


@command.command("refresh")
@with_database
def refresh_command(*, url: str) -> None:
    """Make usage_daily show everything that is loaded.

    Example: relayctl etl refresh
    """
    with database.connect(url) as connection:
        migrate.check(connection)
        rollup.refresh(connection, force=True)
    click.echo("usage_daily is up to date", err=True)


@command.command("status")
@logs_option
@output_option
@with_database
def status_command(*, url: str, logs: str, output: Output) -> None:
    """Show up to when everything is loaded, what waits and what is missing; code 3 when something is.

    Example: relayctl etl status
    """
    with database.connect(url) as connection:
        migrate.check(connection)
        found = status.read(connection, Path(logs) if Path(logs).is_dir() else None)
    show(sheets.status_sheet(found), output)
    if found.problem:
        found_a_problem()


@command.command("rejects")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 100_000),
    default=_DEFAULT_REJECTS,
    show_default=True,
    help="How many at most.",
)
@output_option
@with_database
def rejects_command(*, url: str, limit: int, output: Output) -> None:
    """Show the lines that could not be loaded, and why.

    Example: relayctl etl rejects --limit 20 -o csv
    """
    with database.connect(url) as connection:
        migrate.check(connection)
        found = rejects.listed(connection, limit)
    show(sheets.rejects_sheet(found), output)
