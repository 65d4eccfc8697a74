"""`relayctl sql`: queries the logs and the archive with DuckDB."""

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
    """The given period, open at each end that is not given."""
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
    """Query the logs and the archive with SQL. Nothing else can be read, and nothing can be written.

    usage_records and usage_daily have the same columns as in PostgreSQL; the dialect is DuckDB's. Without
    STATEMENT, statements are read from stdin; on a terminal there is a prompt with history.

    Example: relayctl sql "SELECT model, sum(cost_usd) FROM usage_daily GROUP BY model ORDER BY 2 DESC"
    """
    selected = _period(since, until, tz)
    with local_logs(logs, archive) as source, sql_database.opened(source, selected) as database:
        print_notes(database.notes)
        if statement is None and sys.stdin.isatty():
            from relayctl.commands.sql_prompt import run_prompt  # noqa: PLC0415 - only a terminal needs it

            run_prompt(database, output)
            return
        for one in database.statements(sys.stdin.read() if statement is None else statement):
            if result := database.run(one):
                show(sql_sheet(result), output)
