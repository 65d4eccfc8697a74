"""The report page as one self-contained HTML file.

Names come from clients and may be hostile: text is escaped, and the data of the charts is in a script element
that is not executed and contains no `<`. The policy of the page allows scripts and style by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.segments.record import money_text
from relayctl.render.reports import cost_notes
from relayctl.report_page import series, tables
from relayctl.report_page.content import Content
from relayctl.report_page.series import Chart
from relayctl.report_page.tables import Table
from relayctl.reports.json_documents import time_label
from relayctl.reports.time_range import Period

_ASSETS: Final = Path(__file__).with_name("assets")


def page(content: Content) -> bytes:
    """The whole page, UTF-8."""
    style, library, script = _asset("page.css"), _library(), _asset("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    charts = _charts(content)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">',
        f'<title>Relay: {escape(_range(content.period))}</title><link rel="icon" href="data:,">',
        f"<style>{style}</style></head><body>",
        _head(content),
        *(_section(chart_id, title, note, chart) for chart_id, title, note, chart in charts),
        _leaderboards(content),
        _latencies(content),
        _titled("Budgets", tables.budgets(content.budgets)) if content.budgets is not None else "",
        _unpriced(content),
        f"<footer>Made by relayctl report at {time_label(content.made_at)}.</footer>",
        f'<script type="application/json" id="data">{_data(content, charts)}</script>',
        f"<script>{library}</script><script>{script}</script></body></html>\n",
    ]
    return "".join(parts).encode("utf-8", "backslashreplace")


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


def _library() -> str:
    """Without its last line, which names a file that only a debugger would look for."""
    return _asset("chart.umd.min.js").partition("//# sourceMappingURL=")[0]


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _range(period: Period) -> str:
    return f"{_local(period.since, period)} to {_local(period.until, period)} ({period.tz})"


def _local(moment: datetime, period: Period) -> str:
    return f"{moment.astimezone(period.zone):%Y-%m-%d %H:%M}"


def _head(content: Content) -> str:
    as_of = content.days.as_of
    loaded = f"as of {_local(as_of, content.period)}" if as_of else "not everything loaded yet"
    wanted = content.filters
    only = [value for values in wanted.values.values() for value in values]
    lines = [
        *([f"Only {', '.join(only)}"] if only else []),
        *cost_notes(content.days.totals),
        *content.notes,
    ]
    note = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f"<header><h1>Usage and cost</h1><p>{escape(_range(content.period))}, {escape(loaded)}</p>"
        f"{f'<ul class=notes>{note}</ul>' if note else ''}</header>{tables.tiles(content.days.totals)}"
    )


Titled = tuple[str, str, str, Chart]


def _charts(content: Content) -> list[Titled]:
    found = [
        (f"{what}-{name}s", f"{title} per day by {name}", note, series.by_name(report, of))
        for what, title, note, of in (
            ("cost", "Cost", "USD", series.cost),
            ("tokens", "Tokens", "tokens", series.tokens),
        )
        for name, report in (("team", content.by_team), ("model", content.by_model))
    ]
    return [*found, ("rates", "Errors and cache per day", "% of the requests", series.rates(content.days))]


_NOTHING: Final = {
    "cost": "No cost that is known.",
    "tokens": "No tokens.",
    "rates": "No error, and nothing from the cache.",
}
"""The text in place of a chart without a bar, where there were requests."""


def _section(chart_id: str, title: str, note: str, chart: Chart) -> str:
    values = [value for one in chart.series for value in one.values]
    if not any(values):
        is_known = any(value is not None for value in values)
        nothing = _NOTHING[chart_id.partition("-")[0]] if is_known else "Nothing in this range."
        return f"<section><h2>{escape(title)}</h2><p>{nothing}</p></section>"
    return (
        f"<section><h2>{escape(title)}</h2><figure><figcaption>{escape(note)}</figcaption>"
        f'<div class="chart"><canvas id="{chart_id}" role="img" aria-label="{escape(title)}; '
        f'its numbers are in the table below"></canvas></div></figure>'
        f'<details id="{chart_id}-numbers"><summary>The numbers</summary>'
        f"{tables.html(tables.of_chart(chart, note))}</details>"
        "</section>"
    )


def _titled(title: str, table: Table) -> str:
    return f"<section><h2>{escape(title)}</h2>{tables.html(table)}</section>"


def _leaderboards(content: Content) -> str:
    boards = "".join(
        f"<div><h3>{escape(f'Top {board.dimension}s by {board.metric}')}</h3>"
        f"{tables.html(tables.leaderboard(board))}</div>"
        for board in content.leaderboards
    )
    return f'<section><h2>Leaderboards</h2><div class="boards">{boards}</div></section>'


def _latencies(content: Content) -> str:
    found = content.latencies
    note = "Nearest rank, over every request; first content over streams."
    if found.since:
        note += f" Records before {time_label(found.since)} are not kept: what is older is not in here."
    body = (
        "<figure><figcaption>seconds</figcaption>"
        '<div class="chart"><canvas id="latency" role="img" aria-label="Latency percentiles by model; '
        'their numbers are in the table below"></canvas></div></figure>'
        f"{tables.html(tables.latencies(found.rows))}"
    )
    nothing = "<p>No records of this range are kept: nothing can be shown.</p>"
    return f"<section><h2>Latency</h2><p>{escape(note)}</p>{body if found.rows else nothing}</section>"


def _unpriced(content: Content) -> str:
    rows = [row for row in content.models.rows if row.measures.unpriced_requests]
    if not rows:
        return "<section><h2>Without a price</h2><p>Every request has a known price.</p></section>"
    return _titled("Without a price", tables.unpriced(rows))


def _data(content: Content, charts: Sequence[Titled]) -> str:
    """The charts' data as JSON that is safe in a script element."""
    data: dict[str, Any] = {
        chart_id: {
            "days": list(chart.days),
            "unit": note,
            "series": [
                {"name": one.name, "values": [_number(value) for value in one.values]} for one in chart.series
            ],
        }
        for chart_id, _, note, chart in charts
    }
    models = [row for row in content.latencies.rows if row.model][: series.MOST_NAMES]
    data["latency"] = {
        "names": [row.model for row in models],
        "series": [
            {"name": name, "values": [_number(getattr(row, f"{name}_ms") / 1000) for row in models]}
            for name in ("p50", "p95", "p99")
        ],
    }
    text = msgspec.json.encode(data).decode()
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _number(value: int | Decimal | None) -> object:
    return msgspec.Raw(money_text(value).encode()) if isinstance(value, Decimal) else value
