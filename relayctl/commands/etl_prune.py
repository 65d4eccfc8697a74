"""`relayctl etl prune`: drops old, archived months of records and old captured content."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from etl.content.prune import prune_content
from etl.database import connection as database
from etl.database import migrations as migrate
from etl.database import prune
from relayctl.commands.options import (
    database_option,
    exit_with_problem,
    local,
    logs_option,
    needed,
    output_option,
    print_notes,
)
from relayctl.errors import InputError
from relayctl.render import etl as sheets
from relayctl.render.output import Output, show
from relayctl.sources.opening import utc_now

_KEEP = re.compile(r"(?P<count>[0-9]{1,4})(?P<unit>mo|w|d)")
_DAYS: Final = {"d": 1, "w": 7}

Cutoff = Callable[[datetime], datetime]
"""Maps the current time to the time before which data is dropped."""


def _months_before(now: datetime, count: int) -> datetime:
    """The start of the month `count` months earlier; only whole months are dropped."""
    months = now.year * 12 + now.month - 1 - count
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


class Retention(click.ParamType[Cutoff]):
    """A retention time, written `13mo`, `60w` or `400d`."""

    name = "retention"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Cutoff:
        match = _KEEP.fullmatch(value)
        count = int(match["count"]) if match else 0
        if match is None or not count:
            self.fail(f"{value!r} is not a retention time such as 13mo, 60w or 400d", param, ctx)
        if match["unit"] == "mo":
            return lambda now: _months_before(now, count)
        return lambda now: now - timedelta(days=count * _DAYS[match["unit"]])


@click.command("prune")
@click.option(
    "--keep",
    type=Retention(),
    metavar="TIME",
    help="Retention of records: 13mo, 60w, 400d (months, weeks, days).",
)
@click.option(
    "--content-keep", type=Retention(), metavar="TIME", help="Retention of captured content, such as 14d."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be dropped.")
@output_option
@logs_option
@database_option
def command(
    *,
    keep: Cutoff | None,
    content_keep: Cutoff | None,
    dry_run: bool,
    output: Output,
    logs: str,
    database_url: str | None,
) -> None:
    """Drop archived months of records older than --keep; rollups stay. Exit code 3 if one is not archived.

    With --content-keep, also remove content segments in the log directory that were sealed earlier; that
    alone needs no database.

    Example: relayctl etl prune --keep 13mo --content-keep 14d --dry-run
    """
    if keep is None and content_keep is None:
        raise InputError("keep", "nothing to prune: give --keep, --content-keep or both")
    url = needed(database_url) if keep else None
    content, months = None, []
    if content_keep is not None:
        directory = local(logs, "pruned")
        content = prune_content(directory, content_keep(utc_now()), dry_run=dry_run)
    if keep is not None and url is not None:
        with database.connect(url) as connection:
            migrate.check_schema(connection)
            months = prune.prune(connection, keep(utc_now()), dry_run=dry_run)
    show(sheets.prune_sheet(months, content, dry_run=dry_run), output)
    if not all(month.dropped for month in months):
        print_notes(
            ("months are kept from the first that has unarchived segments: run relayctl etl archive",)
        )
        exit_with_problem()
