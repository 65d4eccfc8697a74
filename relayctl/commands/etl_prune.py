"""`relayctl etl prune`: drops old months of records that are archived, and old captured content."""

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
    found_a_problem,
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

Cut = Callable[[datetime], datetime]
"""From now to the moment before which nothing is kept."""


def _months_before(now: datetime, count: int) -> datetime:
    """The first moment of the month so many months before: only whole months are ever dropped."""
    months = now.year * 12 + now.month - 1 - count
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


class Keep(click.ParamType[Cut]):
    """How long records are kept, written `13mo`, `60w` or `400d`."""

    name = "keep"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Cut:
        match = _KEEP.fullmatch(value)
        count = int(match["count"]) if match else 0
        if match is None or not count:
            self.fail(f"{value!r} is not a time to keep such as 13mo, 60w or 400d", param, ctx)
        if match["unit"] == "mo":
            return lambda now: _months_before(now, count)
        return lambda now: now - timedelta(days=count * _DAYS[match["unit"]])


@click.command("prune")
@click.option(
    "--keep", type=Keep(), metavar="TIME", help="Records that stay: months 13mo, weeks 60w, days 400d."
)
@click.option("--content-keep", type=Keep(), metavar="TIME", help="Captured content that stays, as 14d.")
@click.option("--dry-run", is_flag=True, help="Only show what would be dropped.")
@output_option
@logs_option
@database_option
def command(
    *,
    keep: Cut | None,
    content_keep: Cut | None,
    dry_run: bool,
    output: Output,
    logs: str,
    database_url: str | None,
) -> None:
    """Drop the months of records that are older and archived; the rollups stay. Code 3 when one must stay.

    With --content-keep, also remove the content segments in the log directory that were sealed earlier;
    by itself it needs no database.

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
            migrate.check(connection)
            months = prune.prune(connection, keep(utc_now()), dry_run=dry_run)
    show(sheets.prune_sheet(months, content, dry_run=dry_run), output)
    if not all(month.dropped for month in months):
        print_notes(
            ("months stay from the first on that has segments in no archive: run relayctl etl archive",)
        )
        found_a_problem()
