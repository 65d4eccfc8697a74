"""Writes the Grafana dashboards (dashboards/*.json) from their panels in dashboards/source/*.yml.

    python dashboards/generate.py            # writes the files
    python dashboards/generate.py --check    # only lists outdated files, exit code 1 if there are any

A source file holds titles, descriptions, units and queries. Positions, ids and other fields that Grafana
needs are generated from the order of the panels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent
_WIDTH: Final = 24
_HEIGHT: Final = 8
_SOURCES: Final = {
    "prometheus": {"type": "prometheus", "uid": "${prometheus}"},
    "postgres": {"type": "grafana-postgresql-datasource", "uid": "${postgres}"},
}
"""The data source of queries: the one selected in the dashboard variable."""

Json = dict[str, Any]

_LINK: Final[Json] = {
    "type": "dashboards",
    "title": "Relay",
    "tooltip": "Relay's other dashboards",
    "tags": ["relay"],
    "icon": "dashboard",
    "asDropdown": True,
    "keepTime": False,
    "includeVars": False,
    "targetBlank": False,
}


def datasource_variable(name: str) -> Json:
    """The variable that selects a data source of one type; defaults to the provisioned one."""
    title = {"prometheus": "Prometheus", "postgres": "PostgreSQL"}[name]
    kind = _SOURCES[name]["type"]
    return {
        "name": name,
        "label": title,
        "type": "datasource",
        "query": kind,
        "current": {"text": title, "value": name},
        "hide": 0,
    }


def query_variable(name: str, sql: str) -> Json:
    """A multi-value variable with values from PostgreSQL; defaults to all of them."""
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": _SOURCES["postgres"],
        "query": sql,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "sort": 1,
    }


def target(query: Json, ref: str, panel: str) -> Json:
    """One query of a panel, PromQL (`expr`) or SQL (`sql`)."""
    if "sql" in query:
        return {
            "refId": ref,
            "datasource": _SOURCES["postgres"],
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": query["sql"].strip(),
            "format": "time_series" if panel == "timeseries" else "table",
        }
    instant = panel != "timeseries"
    return {
        "refId": ref,
        "datasource": _SOURCES["prometheus"],
        "editorMode": "code",
        "expr": query["expr"].strip(),
        "legendFormat": query.get("legend", ""),
        "instant": instant,
        "range": not instant,
    }


def options(source: Json) -> Json:
    """The display options of a panel type."""
    if source["type"] == "timeseries":
        return {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if source["type"] == "table":
        return {"showHeader": True, "cellHeight": "sm"}
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": "sql" in source["queries"][0]},
        "orientation": "auto",
    }


def field_config(source: Json) -> Json:
    """Units, limits and colours; `units` sets the unit of single table columns."""
    defaults: Json = {"unit": source["unit"]}
    defaults |= {limit: source[limit] for limit in ("min", "max") if limit in source}
    if source["type"] == "timeseries":
        bars = source.get("bars", False)
        defaults["custom"] = {
            "drawStyle": "bars" if bars else "line",
            "fillOpacity": 80 if bars else 10,
            "showPoints": "never",
            "stacking": {"mode": "normal" if source.get("stack") else "none", "group": "A"},
        }
    if "thresholds" in source:
        colors = ("green", "orange", "red")
        steps = zip(colors, [None, *source["thresholds"]], strict=False)
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"color": color, "value": value} for color, value in steps],
        }
    overrides = [
        {
            "matcher": {"id": "byName", "options": column},
            "properties": [{"id": "unit", "value": unit}],
        }
        for column, unit in source.get("units", {}).items()
    ]
    return {"defaults": defaults, "overrides": overrides}


def panel(source: Json, number: int, position: Json) -> Json:
    """A panel at a grid position."""
    targets = [
        target(query, chr(ord("A") + index), source["type"]) for index, query in enumerate(source["queries"])
    ]
    return {
        "id": number,
        "type": source["type"],
        "title": source["title"],
        "description": source["description"].strip(),
        "datasource": targets[0]["datasource"],
        "gridPos": position,
        "fieldConfig": field_config(source),
        "options": options(source),
        "targets": targets,
    }


def layout(sources: list[Json]) -> Iterator[Json]:
    """Lays out the panels from left to right and top to bottom; a `row` is a heading on its own line."""
    x = y = line = 0
    for number, source in enumerate(sources, start=1):
        height = 1 if "row" in source else source.get("height", _HEIGHT)
        width = _WIDTH if "row" in source else source["width"]
        if x + width > _WIDTH:
            x, y, line = 0, y + line, 0
        position = {"x": x, "y": y, "w": width, "h": height}
        x, line = x + width, max(line, height)
        if "row" in source:
            yield {
                "id": number,
                "type": "row",
                "title": source["row"],
                "collapsed": False,
                "gridPos": position,
                "panels": [],
            }
        else:
            yield panel(source, number, position)


def dashboard(source: Json) -> Json:
    """A complete dashboard for provisioning in Grafana 11 and later."""
    variables = [datasource_variable(name) for name in source["datasources"]]
    variables += [query_variable(name, sql) for name, sql in source.get("variables", {}).items()]
    return {
        "uid": source["uid"],
        "title": source["title"],
        "description": source["description"].strip(),
        "tags": ["relay"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": source["refresh"],
        "time": {"from": source["from"], "to": "now"},
        "timezone": "utc",
        "links": [_LINK],
        "annotations": {"list": []},
        "templating": {"list": variables},
        "panels": list(layout(source["panels"])),
    }


def documents() -> dict[Path, str]:
    """The path and text of each dashboard."""
    return {
        HERE / f"{path.stem}.json": json.dumps(
            dashboard(yaml.safe_load(path.read_text("utf-8"))), indent=2, ensure_ascii=False
        )
        + "\n"
        for path in sorted((HERE / "source").glob("*.yml"))
    }


def main() -> int:
    """Writes outdated files, or with `--check` only lists them."""
    stale = [
        (path, text)
        for path, text in documents().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path, _ in stale:
            sys.stderr.write(f"{path} is out of date: run python dashboards/generate.py\n")
        return bool(stale)
    for path, text in stale:
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
