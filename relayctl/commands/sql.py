"""`relayctl sql`: DuckDB over the logs and the archive."""

from __future__ import annotations

import sys

import click

from relayctl.commands.options import (
    Command,
    archive_option,
    logs_option,
    output_option,
    period_options,
    print_notes,
)
from relayctl.render.output import Output, show
from relayctl.render.sql import sql_sheet
from relayctl.reports.time_range import Period, period
from relayctl.sources import sql_database
from relayctl.sources.opening import local_logs, utc_now


def _period(since: str | None, until: str | None, tz: str) -> Period:
    """All time, but for the ends that are given."""
    if not since and not until:
        return sql_database.ALWAYS
    return period(since=since or "1900-01-01", until=until or "9989-01-01", tz=tz, now=utc_now())


def _with_period(command: Command) -> Command:
    for option in reversed(period_options(since="everything", until="everything")):
        command = option(command)
    return command


@click.command()
@click.argument("statement", required=False)
@_with_period
@logs_option
@archive_option
@output_option
def command(
    *,
    statement: str | None,
    since: str | None,
    until: str | None,
    tz: str,
    logs: str,
    archive: str | None,
    output: Output,
) -> None:
    """Ask the logs and the archive in SQL; nothing else can be read, and nothing written.

    usage_records and usage_daily have the columns they have in PostgreSQL; the dialect is DuckDB's. Without a
    STATEMENT they are read from stdin; on a terminal there is a prompt with history.

    Example: relayctl sql "SELECT model, sum(cost_usd) FROM usage_daily GROUP BY model ORDER BY 2 DESC"
    """
    wanted = _period(since, until, tz)
    with local_logs(logs, archive) as source, sql_database.opened(source, wanted) as database:
        print_notes(database.notes)
        if statement is None and sys.stdin.isatty():
            from relayctl.commands.sql_prompt import converse  # noqa: PLC0415 - only a terminal needs it

            converse(database, output)
            return
        for one in database.statements(sys.stdin.read() if statement is None else statement):
            if result := database.run(one):
                show(sql_sheet(result), output)
