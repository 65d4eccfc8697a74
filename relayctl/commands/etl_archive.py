"""`relayctl etl archive`: writes sealed segments to a Parquet archive and removes old ones."""

from __future__ import annotations

from datetime import timedelta

import click

from etl.archive import run as archive
from relayctl.commands.options import (
    Duration,
    OwnVariableFirst,
    Place,
    database_option,
    local,
    logs_option,
    print_notes,
)
from relayctl.errors import RelayctlError
from relayctl.render.sheet import counted


def _summary(result: archive.ArchiveResult) -> str:
    text = (
        f"{counted(result.segments, 'segment')} archived: {counted(result.records, 'record')}, "
        f"{counted(result.rejected, 'reject')}"
    )
    if result.segments:
        text += (
            f"; {counted(result.segment_bytes, 'byte')} became {result.parquet_bytes:,} of Parquet "
            f"and {result.pack_bytes:,} of packed segments"
        )
    return f"{text}; {counted(result.removed, 'segment')} removed"


@click.command("archive")
@click.option(
    "--to",
    cls=OwnVariableFirst,
    type=Place(),
    envvar="RELAY_ARCHIVE",
    required=True,
    metavar="DIR|s3://BUCKET/PREFIX",
    help="Location of the archive.  [env: RELAY_ARCHIVE]",
)
@click.option(
    "--older-than",
    type=Duration(),
    metavar="DURATION",
    help="Then remove local segments older than this, such as 30d, once they are verified in the archive.",
)
@logs_option
@database_option
def command(*, to: str, older_than: int | None, logs: str, database_url: str | None) -> None:
    """Archive sealed segments as Parquet files by day, and the segments themselves; safe to repeat.

    With a database, archived segments are marked in the ledger, and only loaded ones are removed.

    Example: relayctl etl archive --to s3://bucket/relay --older-than 30d
    """
    result = archive.archive(
        local(logs, "archived"),
        to,
        older_than=None if older_than is None else timedelta(seconds=older_than),
        database_url=database_url,
    )
    click.echo(_summary(result), err=True)
    print_notes(tuple(result.retained))
    if result.failed:
        raise RelayctlError(
            f"{counted(len(result.failed), 'segment')} could not be archived: {'; '.join(result.failed)}"
        )
