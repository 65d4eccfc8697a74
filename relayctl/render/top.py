"""Renders the live view: the totals, then the busiest models and teams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relayctl.render.sheet import printable
from relayctl.top.rates import Rates

_FRAME_LINES = 9
"""Lines that are always shown: the title, two headings and the empty lines between them."""


@dataclass(frozen=True, kw_only=True)
class View:
    """The data to show; `note` says why something is missing."""

    url: str
    at: str
    active: int
    total: Rates
    models: Sequence[Rates]
    teams: Sequence[Rates]
    note: str = ""


def screen(view: View, *, height: int) -> RenderableType:
    """Renders at most `height` lines; the least busy rows are dropped first."""
    available = max(2, height - _FRAME_LINES - (1 if view.note else 0))
    models = min(len(view.models), max(1, available - min(len(view.teams), available // 2)))
    teams = max(1, available - models)
    head = Text.assemble(("Relay", "bold"), f"  {view.url}  {view.at}  in progress: {view.active:,}")
    parts: list[RenderableType] = [head]
    if view.note:
        parts.append(Text(view.note, style="yellow"))
    parts += [
        Text(),
        _table("model", view.models[:models], view.total),
        Text(),
        _table("team", view.teams[:teams], None),
    ]
    return Group(*parts)


def _table(heading: str, rows: Sequence[Rates], total: Rates | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, expand=False)
    table.add_column(heading, min_width=12, ratio=1, no_wrap=True, overflow="ellipsis")
    for title in ("req/s", "tokens/s", "USD/h", "p50", "p95", "errors"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    if total is not None:
        table.add_row(*_cells(total), style="bold")
    return table


def _cells(row: Rates) -> tuple[str | Text, ...]:
    errors = Text(f"{row.errors:.1%}", style="red" if row.errors > Decimal("0.01") else "")
    return (
        printable(row.name),
        f"{row.requests:,.1f}",
        f"{row.tokens:,.0f}",
        f"{row.usd_per_hour:,.2f}",
        _seconds(row.p50),
        _seconds(row.p95),
        errors,
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
