"""Writes a sheet to stdout in the selected format."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Final, Literal, get_args

import click

from relayctl.render.data import to_csv, to_json, to_ndjson
from relayctl.render.markdown import to_markdown
from relayctl.render.sheet import Sheet

Output = Literal["table", "json", "ndjson", "csv", "md"]
OUTPUTS: Final[tuple[Output, ...]] = get_args(Output)

_FORMATS: Final = {"json": to_json, "ndjson": to_ndjson, "csv": to_csv, "md": to_markdown}


def show(sheet: Sheet, output: Output) -> None:
    """Writes the sheet; a table on a terminal has colour and fits its width."""
    click.echo(_table(sheet) if output == "table" else _FORMATS[output](sheet), nl=False)


def _table(sheet: Sheet) -> bytes:
    # Imported here because importing rich is slow.
    from relayctl.render.table import to_table  # noqa: PLC0415

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    text = to_table(sheet, width=width, color=color)
    return text.encode(sys.stdout.encoding or "utf-8", errors="replace")
