"""`relayctl langfuse`: sends records to Langfuse, each once, and proves it."""

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
    found_a_problem,
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
        help="What was sent, where no database keeps it.",
    ),
    click.option(
        "--environment",
        cls=OwnVariableFirst,
        envvar="LANGFUSE_TRACING_ENVIRONMENT",
        default="default",
        show_default=True,
        metavar="NAME",
        help="Langfuse's environment of what is sent.  [env: LANGFUSE_TRACING_ENVIRONMENT]",
    ),
    click.option(
        "--rate-limit", type=click.IntRange(1), metavar="N", help="At most so many requests a minute."
    ),
    click.option(
        "--timeout", type=Duration(), default="30s", show_default=True, help="How long one request may take."
    ),
    click.option(
        "--lag",
        type=Duration(),
        default="60s",
        show_default=True,
        help="How long after a request began Langfuse may still be storing it.",
    ),
)


def _settings_options(command: Command) -> Command:
    """Adds what every command of the export needs; the command gets it as `settings`."""

    @functools.wraps(command)
    def settling(
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
                f"environment {environment!r} is none of Langfuse's: at most 40 of a-z, 0-9, - and _, "
                "not beginning with langfuse",
            )
        settings = Settings(
            credentials=Credentials.of(os.environ),
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
        settling = option(settling)
    return settling


def _period_options(command: Command) -> Command:
    """Adds `--since` and `--until`; the command gets moments, or None for what is not given."""

    @functools.wraps(command)
    def within(*, since: str | None, until: str | None, **own: Any) -> Any:
        asked = period.period(since=since or _EARLIEST, until=until, tz="UTC", now=utc_now())
        begin: datetime | None = asked.since if since else None
        return command(since=begin, until=asked.until if until else None, **own)

    when = "2026-11-01, 2026-11-01T09:30:00Z, 24h, 7d, today, yesterday, mtd, last-month"
    for option in (
        click.option("-u", "--until", metavar="WHEN", help="End, exclusive: as --since.  [default: now]"),
        click.option(
            "-s", "--since", metavar="WHEN", help=f"Begin, inclusive: {when}.  [default: everything]"
        ),
    ):
        within = option(within)
    return within


def _summary(result: Result) -> str:
    rejected = f", {counted(result.rejected, 'request')} rejected" if result.rejected else ""
    return f"{counted(result.accepted, 'request')} sent to Langfuse{rejected}"


@click.group()
def command() -> None:
    """Send records to Langfuse, each exactly once, and prove it.

    The project's keys are taken from LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, the server from
    LANGFUSE_HOST (empty: Langfuse Cloud).
    """


@command.command("backfill")
@_period_options
@click.option("--dry-run", is_flag=True, help="Only count what would be sent.")
@_settings_options
def backfill_command(
    *, settings: Settings, since: datetime | None, until: datetime | None, dry_run: bool
) -> None:
    """Send what was not sent yet; stopped or killed anywhere, the next run goes on.

    Example: relayctl langfuse backfill --since 2026-01-01
    """
    if dry_run:
        number = langfuse.planned(settings, since=since, until=until)
        click.echo(f"{counted(number, 'request')} would be sent")
        return
    with progress("records") as advance:
        result = langfuse.backfill(settings, since=since, until=until, progress=advance)
    print_notes(result.notes)
    click.echo(_summary(result), err=True)
    if result.stopped:
        raise click.Abort


def _await_end_of_stdin(stop: threading.Event) -> None:
    # Not sys.stdin, whose lock the interpreter wants when it ends.
    while os.read(0, 4096):
        pass
    stop.set()


@command.command("follow")
@click.option(
    "--interval",
    type=Duration(),
    default="10s",
    show_default=True,
    help="How often to look for new segments.",
)
@click.option("--while-stdin", is_flag=True, hidden=True, help="End when stdin does.")
@_settings_options
def follow_command(*, settings: Settings, interval: int, while_stdin: bool) -> None:
    """Send segments as they are sealed, for ever; what `analytics.enabled` starts beside the proxy.

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
    """Show what is sent, waiting, rejected, and up to when it is verified; code 3 when something is rejected.

    Example: relayctl langfuse status
    """
    found = langfuse.status(settings)
    show(sheets.status_sheet(found), output)
    if found.counts.rejected:
        found_a_problem()


@command.command("verify")
@_period_options
@click.option("--repair", is_flag=True, help="Send again what Langfuse took and does not have.")
@output_option
@_settings_options
def verify_command(
    *, settings: Settings, since: datetime | None, until: datetime | None, repair: bool, output: Output
) -> None:
    """Hold Langfuse's own sums per day and model against the records; code 3 while they differ.

    Example: relayctl langfuse verify --since last-month --until mtd
    """
    found = langfuse_verify.verify(settings, since=since, until=until, repair=repair)
    show(sheets.verify_sheet(found), output)
    if not found.agrees:
        found_a_problem()
