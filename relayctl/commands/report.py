"""`relayctl report`: one page with charts."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from relayctl.commands.options import ReportOptions, note_if_empty, print_notes, source_options
from relayctl.errors import RelayctlError
from relayctl.report_page.content import gather
from relayctl.report_page.page import page
from relayctl.sources.opening import utc_now


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write."
)
@click.option(
    "--budgets",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Budgets to show, as for alert-check.",
)
@source_options
def command(*, options: ReportOptions, out: Path, budgets: Path | None) -> None:
    """Write one self-contained page: cost, tokens, leaderboards, latency, errors, budgets.

    It loads nothing when it is opened, so it can be mailed and kept.

    Example: relayctl report --out report.html --since mtd --tz Europe/Berlin
    """
    content = gather(
        options.source, options.period, filters=options.filters, now=utc_now(), budgets_file=budgets
    )
    print_notes(content.notes)
    note_if_empty(found=bool(content.days.rows), filters=options.filters)
    _write(out, page(content))
    click.echo(f"wrote {out}", err=True)


def _write(path: Path, data: bytes) -> None:
    """The file is there whole or not at all."""
    hidden = ""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            hidden = file.name
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(hidden).chmod(0o666 & ~mask)
        Path(hidden).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(hidden).unlink()
        raise RelayctlError(f"{path} cannot be written: {error.strerror}") from error
