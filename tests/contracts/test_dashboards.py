"""The dashboards, held against what Grafana wants, what people can read, and the metrics of the code."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.support.monitoring.declared_metrics import mistakes
from tests.support.monitoring.grafana import DASHBOARDS, Query, dashboards, promql, queries

ALL = dashboards()
PANELS = [
    pytest.param(panel, id=f"{dashboard['title']}: {panel['title']}")
    for dashboard in ALL
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
PROMQL = [query for query in queries() if query.source == "prometheus"]
UNITS = {
    "short",
    "reqps",
    "cps",
    "s",
    "bytes",
    "percentunit",
    "currencyUSD",
    "dateTimeAsIso",
    "suffix:tokens/s",
}
"""Units of Grafana's (packages/grafana-data/src/valueFormats/categories.ts), and one suffix of our own."""

# What an operator was promised to see, and a query that shows it.
PROMISED = {
    "Request rate by model": "sum by (model) (rate(relay_requests_total[",
    "Latency": "histogram_quantile(0.99, sum by (le) (rate(relay_request_duration_seconds_bucket[",
    "Token throughput": "sum by (type) (rate(relay_tokens_total[",
    "Rate-limit hits by type": "sum by (limit_type) (rate(relay_rate_limit_hits_total[",
    "Cache hit rate": "rate(relay_cache_hits_total[",
    "PII entities by type": "sum by (entity_type) (rate(relay_pii_entities_total[",
    "Daily cost": "FROM usage_daily",
    "Errors by status": 'sum by (status) (rate(relay_requests_total{status!~"2.."}[',
    "Active requests": "sum(relay_active_requests)",
    "Time to first token": "rate(relay_time_to_first_token_seconds_bucket[",
    "Unpriced requests": "increase(relay_unpriced_requests_total[",
}


def test_the_dashboards_are_those_of_their_sources() -> None:
    done = subprocess.run(
        [sys.executable, DASHBOARDS / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in DASHBOARDS.glob("*.json")} == {"relay", "relay-costs", "relay-etl"}


def test_identities_are_unique() -> None:
    assert len({dashboard["uid"] for dashboard in ALL}) == len(ALL)
    for dashboard in ALL:
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one["title"])
def test_panels_lie_within_the_grid_and_over_no_other(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            )
        )
        assert not own & taken, panel["title"]
        taken |= own


@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one["title"])
def test_every_data_source_is_a_variable_that_the_provisioned_one_fits(dashboard: dict[str, Any]) -> None:
    chosen = {
        variable["name"]: variable["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "datasource"
    }
    places = [
        *dashboard["panels"],
        *(target for panel in dashboard["panels"] for target in panel.get("targets", [])),
    ]
    asked = [place["datasource"] for place in places if "datasource" in place]
    assert {(source["uid"], source["type"]) for source in asked} == {
        (f"${{{name}}}", kind) for name, kind in chosen.items()
    }
    provisioned = yaml.safe_load(
        (DASHBOARDS / "provisioning" / "datasources" / "relay.yml").read_text("utf-8")
    )
    assert set(chosen.values()) <= {source["type"] for source in provisioned["datasources"]}


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_and_in_what_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    units = [panel["fieldConfig"]["defaults"]["unit"]]
    units += [
        one["value"] for override in panel["fieldConfig"]["overrides"] for one in override["properties"]
    ]
    assert set(units) <= UNITS


@pytest.mark.parametrize("query", PROMQL, ids=str)
def test_a_query_uses_declared_metrics_according_to_their_type(query: Query) -> None:
    assert mistakes(promql(query.text)) == []
    by_hand = re.findall(r"rate\([^)]*\[(?!\$__rate_interval)", query.text)
    assert not by_hand or query.panel["type"] != "timeseries", "a graph wants $__rate_interval"


@pytest.mark.parametrize("query", PROMQL, ids=str)
def test_a_ratio_has_a_value_without_traffic(query: Query) -> None:
    if re.search(r"\s/\s", query.text):
        assert "> 0)" in query.text
        assert re.search(r"or vector\([01]\)$", query.text.strip())


@pytest.mark.parametrize("title", PROMISED)
def test_the_promised_panels_are_on_the_first_dashboard(title: str) -> None:
    found = [
        query.text for query in queries() if query.dashboard == "Relay" and query.panel["title"] == title
    ]
    assert any(PROMISED[title] in text for text in found)


def test_costs_can_be_narrowed_to_teams_and_models() -> None:
    (costs,) = [dashboard for dashboard in ALL if dashboard["uid"] == "relay-costs"]
    assert {"team", "model"} <= {variable["name"] for variable in costs["templating"]["list"]}
    asked = [
        query.text for query in queries() if query.dashboard == "Relay costs" and "usage_daily" in query.text
    ]
    assert all("${team:sqlstring}" in text and "${model:sqlstring}" in text for text in asked)
