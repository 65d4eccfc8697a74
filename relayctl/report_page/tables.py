"""The tables and tiles of a report page; each cell carries its exact number for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Final

from proxy.segments.record import money_text
from relayctl.alerts.budgets import BudgetUsage
from relayctl.render.sheet import LEFT, Column, Kind, cell
from relayctl.report_page.series import Chart
from relayctl.reports.json_documents import MEASURES
from relayctl.reports.measures import Measures
from relayctl.reports.query import Latency
from relayctl.reports.ranking import percent
from relayctl.reports.reports import Leaderboard, UsageRow

Row = Sequence[object]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of values in the order of `columns`; the first column is the head of its row."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    total: Row | None = None


def html(table: Table) -> str:
    """The table, its texts escaped."""
    head = "".join(f'<th scope="col"{_side(column)}>{escape(column.title)}</th>' for column in table.columns)
    body = "".join(_row(table.columns, row) for row in table.rows)
    foot = f"<tfoot>{_row(table.columns, table.total)}</tfoot>" if table.total is not None else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>'


def _row(columns: Sequence[Column], row: Row) -> str:
    cells = [_cell(column, value) for column, value in zip(columns, row, strict=True)]
    cells[0] = cells[0].replace("<td", '<th scope="row"', 1).removesuffix("</td>") + "</th>"
    return f"<tr>{''.join(cells)}</tr>"


def _side(column: Column) -> str:
    return "" if column.kind in LEFT else ' class="number"'


def _cell(column: Column, value: object) -> str:
    return f"<td{_side(column)}{_exact(value)}>{escape(cell(column, value))}</td>"


def _exact(value: object) -> str:
    if isinstance(value, Decimal):
        return f' data-value="{money_text(value)}"'
    return f' data-value="{value}"' if isinstance(value, int) else ""


_TITLED: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("cost_usd", "Cost (USD)", "money"),
    ("requests", "Requests", "count"),
    ("total_tokens", "Tokens", "count"),
    ("prompt_tokens", "Prompt tokens", "count"),
    ("completion_tokens", "Completion tokens", "count"),
    ("errors", "Errors", "count"),
    ("cache_hits", "From the cache", "count"),
    ("unpriced_requests", "Without a price", "count"),
    ("avg_latency_ms", "Average ms", "milliseconds"),
)
_TILES: Final[tuple[tuple[str, str, Kind], ...]] = (
    *_TITLED,
    *(
        (name, name.replace("_", " ").capitalize(), "count")
        for name in MEASURES
        if name not in {titled for titled, _, _ in _TITLED}
    ),
)


def tiles(totals: Measures) -> str:
    """The totals as large figures, each with its name in `usage -o json`."""
    found = []
    for name, title, kind in _TILES:
        value = totals[name]
        shown = cell(Column(name=name, title=title, kind=kind), value) or "none"
        share = percent(value, totals.requests) if name in ("errors", "cache_hits") else None
        part = f" <small>{cell(_SHARE, share)}</small>" if share is not None else ""
        figure = f'<dd id="total-{name}"{_exact(value)}>{escape(shown)}{part}</dd>'
        found.append(f"<div><dt>{escape(title)}</dt>{figure}</div>")
    return f'<dl class="tiles">{"".join(found)}</dl>'


_SHARE: Final = Column(name="share", title="share", kind="percent")


def of_chart(chart: Chart, unit: str) -> Table:
    """The numbers of a chart."""
    kind: Kind = {"USD": "money", "tokens": "count"}.get(unit, "percent")  # type: ignore[assignment] # its values are kinds
    columns = [Column(name="day", title="day", kind="time")]
    columns += [Column(name=str(place), title=one.name, kind=kind) for place, one in enumerate(chart.series)]
    rows = [
        [day, *(one.values[place] if one.values[place] != 0 else _zero(kind) for one in chart.series)]
        for place, day in enumerate(chart.days)
    ]
    return Table(columns=columns, rows=rows)


def _zero(kind: Kind) -> object:
    return 0 if kind == "count" else Decimal(0)


def leaderboard(board: Leaderboard) -> Table:
    """Rank, name, value and share."""
    kind: Kind = "money" if board.metric == "cost" else "count"
    return Table(
        columns=[
            Column(name="rank", title="#", kind="rank"),
            Column(name="name", title=board.dimension),
            Column(name="value", title="cost (USD)" if board.metric == "cost" else "tokens", kind=kind),
            _SHARE,
            Column(name="requests", title="requests", kind="count"),
        ],
        rows=[[row.rank, row.name, row.value, board.share(row), row.measures.requests] for row in board.rows],
        total=["", f"all {board.dimension}s", board.total_value, None, board.totals.requests],
    )


def latencies(rows: Sequence[Latency]) -> Table:
    """Milliseconds; all models together first."""
    names = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "ttft_p50_ms", "ttft_p95_ms")
    titles = ("p50 ms", "p90 ms", "p95 ms", "p99 ms", "first content p50 ms", "first content p95 ms")
    return Table(
        columns=[
            Column(name="model", title="model"),
            Column(name="requests", title="requests", kind="count"),
            *(
                Column(name=name, title=title, kind="milliseconds")
                for name, title in zip(names, titles, strict=True)
            ),
        ],
        rows=[
            [row.model or "all models", row.requests, *(getattr(row, name) for name in names)] for row in rows
        ],
    )


def unpriced(rows: Sequence[UsageRow]) -> Table:
    """The models that have requests without a known price."""
    return Table(
        columns=[
            Column(name="model", title="model"),
            Column(name="unpriced_requests", title="without a price", kind="count"),
            Column(name="requests", title="requests", kind="count"),
            Column(name="cost_usd", title="cost of the others (USD)", kind="money"),
        ],
        rows=[
            [row.names[0], row.measures.unpriced_requests, row.measures.requests, row.measures.cost_usd]
            for row in rows
        ],
    )


def budgets(found: Sequence[BudgetUsage]) -> Table:
    """The state of each budget in its own day or month, which is not the report's range."""
    rows = []
    for one in found:
        budget = one.budget
        unit = "USD" if budget.usd is not None else "tokens"
        state = "spent" if one.ratio >= 1 else "nearly spent" if one.needs_warning else "ok"
        used = cell(Column(name="used", title="", kind="money" if unit == "USD" else "figure"), one.used)
        limit = cell(
            Column(name="limit", title="", kind="money" if unit == "USD" else "figure"), budget.limit
        )
        rows.append(
            [
                budget.name,
                f"{budget.dimension} {budget.of}",
                f"{budget.period} since {one.since:%Y-%m-%d}",
                f"{used} of {limit} {unit}",
                one.ratio * 100,
                state,
                one.unpriced,
            ]
        )
    return Table(
        columns=[
            Column(name="name", title="budget"),
            Column(name="of", title="of"),
            Column(name="period", title="period"),
            Column(name="used", title="used"),
            Column(name="share", title="share", kind="percent"),
            Column(name="state", title="state"),
            Column(name="unpriced", title="without a price", kind="count"),
        ],
        rows=rows,
    )
