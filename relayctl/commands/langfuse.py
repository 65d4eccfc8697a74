"""`relayctl langfuse`: sends records to Langfuse, each exactly once, and verifies them there."""

from __future__ import annotations

import functools
import os
import re
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from etl.errors import EtlError
from etl.langfuse import export as langfuse
from etl.langfuse import verification as langfuse_verify
from etl.langfuse.connection import Credentials
from etl.langfuse.export import Result
from etl.langfuse.session import Settings
from relayctl.commands.options import (
    Command,
    Duration,
    OwnVariableFirst,
    database_option,
    exit_with_problem,
    local,
    logs_option,
    output_option,
    print_notes,
)
from relayctl.errors import InputError
from relayctl.render import langfuse as sheets
from relayctl.render.output import Output, show
from relayctl.render.progress import progress
from relayctl.render.sheet import counted
from relayctl.reports import time_range as period
from relayctl.sources.opening import utc_now

_ENVIRONMENT = re.compile(r"(?!langfuse)[a-z0-9_-]{1,40}")
_EARLIEST: Final = "1900-01-01"

_OPTIONS: Final = (
    database_option,
    logs_option,
    click.option(
        "--ledger",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("var/langfuse.sqlite"),
        show_default=True,
        metavar="FILE",
        help="SQLite file of what was sent, used without a database.",
    ),
    click.option(
        "--environment",
        cls=OwnVariableFirst,
        envvar="LANGFUSE_TRACING_ENVIRONMENT",
        default="default",
        show_default=True,
        metavar="NAME",
        help="Langfuse environment of the traces.  [env: LANGFUSE_TRACING_ENVIRONMENT]",
    ),
    click.option(
        "--rate-limit", type=click.IntRange(1), metavar="N", help="Maximum requests to Langfuse per minute."
    ),
    click.option(
        "--timeout", type=Duration(), default="30s", show_default=True, help="Timeout of one request."
    ),
    click.option(
        "--lag",
        type=Duration(),
        default="60s",
        show_default=True,
        help="How long after a request starts Langfuse may take to store it.",
    ),
)


def _settings_options(command: Command) -> Command:
    """Adds the options of the export; the command gets them as `settings`."""

    @functools.wraps(command)
    def with_settings(
        *,
        database_url: str | None,
        logs: str,
        ledger: Path,
        environment: str,
        rate_limit: int | None,
        timeout: int,
        lag: int,
        **own: Any,
    ) -> Any:
        if not _ENVIRONMENT.fullmatch(environment):
            raise InputError(
                "environment",
                f"environment {environment!r} is not valid in Langfuse: at most 40 of a-z, 0-9, - and _, "
                "not beginning with langfuse",
            )
        settings = Settings(
            credentials=Credentials.from_environ(os.environ),
            database_url=database_url,
            logs=local(logs, "sent to Langfuse"),
            ledger=ledger,
            environment=environment,
            rate_limit=rate_limit,
            timeout=timeout,
            lag=lag,
        )
        return command(settings=settings, **own)

    for option in reversed(_OPTIONS):
        with_settings = option(with_settings)
    return with_settings


def _period_options(command: Command) -> Command:
    """Adds `--since` and `--until`; the command gets times, None for an option that is not given."""

    @functools.wraps(command)
    def with_period(*, since: str | None, until: str | None, **own: Any) -> Any:
        chosen = period.period(since=since or _EARLIEST, until=until, tz="UTC", now=utc_now())
        begin: datetime | None = chosen.since if since else None
        return command(since=begin, until=chosen.until if until else None, **own)

    when = "2026-11-01, 2026-11-01T09:30:00Z, 24h, 7d, today, yesterday, mtd, last-month"
    for option in (
        click.option("-u", "--until", metavar="WHEN", help="End, exclusive: as --since.  [default: now]"),
        click.option(
            "-s", "--since", metavar="WHEN", help=f"Begin, inclusive: {when}.  [default: everything]"
        ),
    ):
        with_period = option(with_period)
    return with_period


def _summary(result: Result) -> str:
    rejected = f", {counted(result.rejected, 'request')} rejected" if result.rejected else ""
    return f"{counted(result.accepted, 'request')} sent to Langfuse{rejected}"


@click.group()
def command() -> None:
    """Send records to Langfuse, each exactly once, and verify them there.

    The keys of the project come from LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, the server from
    LANGFUSE_HOST (empty: Langfuse Cloud).
    """


@command.command("backfill")
@_period_options
@click.option("--dry-run", is_flag=True, help="Only count the requests that would be sent.")
@_settings_options
def backfill_command(
    *, settings: Settings, since: datetime | None, until: datetime | None, dry_run: bool
) -> None:
    """Send records that were not sent yet; an interrupted run can be repeated.

    Example: relayctl langfuse backfill --since 2026-01-01
    """
    if dry_run:
        number = langfuse.count_unsent(settings, since=since, until=until)
        click.echo(f"{counted(number, 'request')} would be sent")
        return
    with progress("records") as advance:
        result = langfuse.backfill(settings, since=since, until=until, progress=advance)
    print_notes(result.notes)
    click.echo(_summary(result), err=True)
    if result.stopped:
        raise click.Abort


def _await_end_of_stdin(stop: threading.Event) -> None:
    # Not sys.stdin, whose lock the interpreter needs at exit.
    while os.read(0, 4096):
        pass
    stop.set()


@command.command("follow")
@click.option(
    "--interval",
    type=Duration(),
    default="10s",
    show_default=True,
    help="Interval between checks for new segments.",
)
@click.option("--while-stdin", is_flag=True, hidden=True, help="Stop when stdin is closed.")
@_settings_options
def follow_command(*, settings: Settings, interval: int, while_stdin: bool) -> None:
    """Send segments as they are sealed, until stopped; `analytics.enabled` runs this beside the proxy.

    Example: relayctl langfuse follow --logs var/logs
    """

    def report(outcome: Result | EtlError) -> None:
        if isinstance(outcome, EtlError):
            click.echo(f"relayctl: {outcome}; trying again", err=True)
        else:
            print_notes(outcome.notes)
            click.echo(_summary(outcome), err=True)

    stop = threading.Event()
    if while_stdin:
        threading.Thread(target=_await_end_of_stdin, args=(stop,), daemon=True).start()
    langfuse.follow(settings, interval=interval, report=report, stop=stop)


@command.command("status")
@output_option
@_settings_options
def status_command(*, settings: Settings, output: Output) -> None:
    """Show what is sent, waiting, rejected and verified; exit code 3 if something is rejected.

    Example: relayctl langfuse status
    """
    found = langfuse.status(settings)
    show(sheets.status_sheet(found), output)
    if found.counts.rejected:
        exit_with_problem()


@command.command("verify")
@_period_options
@click.option("--repair", is_flag=True, help="Resend requests that Langfuse accepted but did not store.")
@output_option
@_settings_options
def verify_command(
    *, settings: Settings, since: datetime | None, until: datetime | None, repair: bool, output: Output
) -> None:
    """Compare Langfuse's sums per day and model with the records; exit code 3 if they differ.

    Example: relayctl langfuse verify --since last-month --until mtd
    """
    found = langfuse_verify.verify(settings, since=since, until=until, repair=repair)
    show(sheets.verify_sheet(found), output)
    if not found.agrees:
        exit_with_problem()
