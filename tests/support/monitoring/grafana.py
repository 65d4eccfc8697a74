"""The queries of the dashboards' panels, with Grafana's variables and macros expanded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from proxy.segments.record import time_text

DASHBOARDS = Path(__file__).parents[3] / "dashboards"
RATE_INTERVAL = "1m"
"""The value of `$__rate_interval`: at least four scrape intervals."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One query of a panel; `text` is PromQL or SQL, depending on `source`."""

    dashboard: str
    panel: dict[str, Any]
    source: str
    text: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel['title']}"


def dashboards() -> list[dict[str, Any]]:
    """Every dashboard."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))]


def queries() -> Iterator[Query]:
    """Every query of every panel."""
    for dashboard in dashboards():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield Query(
                    dashboard=dashboard["title"],
                    panel=panel,
                    source=target["datasource"]["uid"].strip("${}"),
                    text=target.get("expr") or target["rawSql"],
                )


def promql(text: str, *, interval: str = RATE_INTERVAL) -> str:
    """The expression with Grafana's variables expanded."""
    return text.replace("$__rate_interval", interval)


def sql(text: str, since: datetime, until: datetime, variables: dict[str, list[str]]) -> str:
    """The statement as Grafana's PostgreSQL data source sends it (its macros and `:sqlstring`)."""
    first, last = f"'{time_text(since)}'", f"'{time_text(until)}'"
    for name, values in variables.items():
        quoted = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        text = text.replace(f"${{{name}:sqlstring}}", quoted)
    while "$__timeFilter(" in text:
        column = text.partition("$__timeFilter(")[2].partition(")")[0]
        text = text.replace(f"$__timeFilter({column})", f"{column} BETWEEN {first} AND {last}")
    return text.replace("$__timeFrom()", first).replace("$__timeTo()", last)
