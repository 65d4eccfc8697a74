"""Renders sheets as tables with rich.

On a narrow terminal, the columns with the lowest weight are dropped and named in a line; then names are
truncated. Without a terminal nothing is dropped or truncated.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relayctl.render.sheet import LEFT, Column, Sheet, cell

_GAP: Final = 2
_MIN_NAME_WIDTH: Final = 10
_UNLIMITED: Final = 100_000

Texts = dict[str, list[str]]


def to_table(sheet: Sheet, *, width: int | None, color: bool) -> str:
    """Renders header, rows and totals; `width` is in terminal columns, None for no limit."""
    texts = {column.name: _texts(sheet, column) for column in sheet.shown}
    fitting, dropped = _fitting(sheet.shown, texts, width)
    lines = [*sheet.header]
    if dropped:
        titles = ", ".join(column.title for column in dropped)
        is_data = sheet.only_shown.isdisjoint(column.name for column in dropped)
        lines.append(f"Not shown for want of width: {titles}{' (-o csv has everything)' if is_data else ''}")
    text = io.StringIO()
    console = Console(
        file=text, width=width or _UNLIMITED, force_terminal=color, no_color=not color, highlight=False
    )
    for line in lines:
        console.print(Text(line, style="dim" if color else ""))
    if sheet.rows or sheet.totals or not lines:
        console.print(_table(sheet, fitting, texts, _name_widths(fitting, texts, width)))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _texts(sheet: Sheet, column: Column) -> list[str]:
    """The texts of the column without its title; the totals last."""
    texts = [cell(column, row[column.name]) for row in sheet.rows]
    if sheet.totals is not None:
        known = column.name in sheet.totals
        texts.append(cell(column, sheet.totals[column.name]) if known else "")
    return texts


def _natural(column: Column, texts: Texts) -> int:
    return max(cell_len(column.title), *map(cell_len, texts[column.name]), 0)


def _shortest(column: Column, texts: Texts) -> int:
    natural = _natural(column, texts)
    return min(natural, _MIN_NAME_WIDTH) if column.kind == "text" else natural


def _needed(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * max(0, len(widths) - 1)


def _fitting(columns: Sequence[Column], texts: Texts, width: int | None) -> tuple[list[Column], list[Column]]:
    """The columns that fit, with truncated names if necessary, and the dropped ones."""
    fitting = list(columns)
    while (
        width is not None and len(fitting) > 1 and _needed([_shortest(one, texts) for one in fitting]) > width
    ):
        fitting.remove(min(reversed(fitting), key=lambda column: column.weight))
    return fitting, [column for column in columns if column not in fitting]


def _name_widths(columns: Sequence[Column], texts: Texts, width: int | None) -> dict[str, int]:
    """The width of each column; the widest names are truncated until everything fits."""
    widths = {column.name: _natural(column, texts) for column in columns}
    names = [column.name for column in columns if column.kind == "text"]
    while width is not None and names and _needed(list(widths.values())) > width:
        widest = max(names, key=lambda name: widths[name])
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
    return widths


def _table(sheet: Sheet, columns: Sequence[Column], texts: Texts, widths: dict[str, int]) -> Table:
    table = Table(
        box=box.SIMPLE,
        padding=(0, _GAP - 1, 0, 0),  # the box adds one
        pad_edge=False,
        show_edge=False,
        show_footer=sheet.totals is not None,
        footer_style="bold",
    )
    for column in columns:
        table.add_column(
            Text(column.title),
            Text(texts[column.name][-1]) if sheet.totals is not None else "",
            justify="left" if column.kind in LEFT else "right",
            no_wrap=True,
            overflow="ellipsis",
            width=widths[column.name],
        )
    for number in range(len(sheet.rows)):
        cells = [Text(_truncated(texts[column.name][number], widths[column.name])) for column in columns]
        table.add_row(*cells)
    return table


def _truncated(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"
