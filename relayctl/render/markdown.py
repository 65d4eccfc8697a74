"""Renders sheets as Markdown."""

from __future__ import annotations

import re

from relayctl.render.sheet import LEFT, Sheet, cell

_SPECIAL = re.compile(r"([\\|`*_<>\[\]~&#])")


def to_markdown(sheet: Sheet) -> bytes:
    """The header as a paragraph, then a table with its totals in bold."""
    columns = sheet.shown
    lines = [f"{_escaped(line)}  " for line in sheet.header] + [""] if sheet.header else []
    lines.append(_line([column.title for column in columns]))
    lines.append(_line(["---" if column.kind in LEFT else "---:" for column in columns]))
    lines += [_line([_escaped(cell(column, row[column.name])) for column in columns]) for row in sheet.rows]
    if sheet.totals is not None:
        texts = [
            _escaped(cell(column, sheet.totals[column.name])) if column.name in sheet.totals else ""
            for column in columns
        ]
        lines.append(_line([f"**{text}**" if text else "" for text in texts]))
    return "".join(f"{line}\n" for line in lines).encode()


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _line(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"
