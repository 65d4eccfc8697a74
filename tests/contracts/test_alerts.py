"""Each alert has test cases, a runbook, an SQL equivalent or a reason, and uses declared metrics."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import CollectorRegistry

from etl.database.queries import statements
from proxy.metrics.registry import Metrics
from relayctl.alerts import expression, logs, rules, sql_equivalents
from relayctl.cli import relayctl
from tests.support.monitoring.declared_metrics import declared, mistakes, used
from tests.support.monitoring.promtool import promtool

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "dashboards" / "alerts"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = rules.shipped()
NAMES = [rule.name for rule in RULES]
CASES: list[dict[str, Any]] = [
    case
    for path in sorted((ALERTS / "tests").glob("*.yml"))
    for case in yaml.safe_load(path.read_text("utf-8"))["tests"]
]
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


@pytest.fixture(params=RULES, ids=NAMES)
def rule(request: pytest.FixtureRequest) -> rules.Rule:
    """Each shipped rule."""
    assert isinstance(request.param, rules.Rule)
    return request.param


def test_prometheus_accepts_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", *sorted(ALERTS.glob("*.yml")))


def test_the_cases_of_the_rules_hold() -> None:
    assert "SUCCESS" in promtool("test", "rules", *sorted((ALERTS / "tests").glob("*.yml")))


@pytest.mark.parametrize(
    ("name", "expr", "seconds"),
    [
        ("HighRateLimitHits", "sum(rate(relay_rate_limit_hits_total[5m])) > 1", 300),
        (
            "HighLatency",
            "histogram_quantile(0.95, sum by (le) (rate(relay_request_duration_seconds_bucket[5m]))) > 5",
            600,
        ),
        ("UpstreamErrors", 'sum(rate(relay_requests_total{status="502"}[5m])) > 0.1', 120),
    ],
)
def test_the_three_alerts_that_were_promised_are_as_promised(name: str, expr: str, seconds: int) -> None:
    (found,) = [one for one in RULES if one.name == name]
    assert (found.expr, found.hold.total_seconds()) == (expr, seconds)


def test_an_alert_has_all_annotations(rule: rules.Rule) -> None:
    assert rule.labels["severity"] in {"critical", "warning"}
    assert rule.annotations.keys() == {"summary", "description", "runbook_url"}
    assert rule.annotations["runbook_url"] == f"docs/runbooks/{rule.name}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == sorted(NAMES)


def test_a_runbook_has_its_four_parts(rule: rules.Rule) -> None:
    text = (RUNBOOKS / f"{rule.name}.md").read_text("utf-8")
    assert text.startswith(f"# {rule.name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert "```sh" in text.partition("## Diagnosis")[2].partition("## Mitigation")[0]


def test_every_relayctl_command_in_a_runbook_exists(rule: rules.Rule) -> None:
    text = (RUNBOOKS / f"{rule.name}.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    for line in "".join(blocks).splitlines():
        words = shlex.split(line)
        if words[0] == "relayctl":
            command, rest = _command(relayctl, words[1:])
            command.make_context("relayctl", rest).close()
    for mentioned in re.findall(r"`relayctl ([a-z -]+)", text):
        _command(relayctl, mentioned.split())


def _command(command: click.Command, words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words call, and what is left of them."""
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    return command, words


def test_an_alert_fires_in_one_case_and_does_not_in_another(rule: rules.Rule) -> None:
    own = [case for case in CASES if case["name"].split()[0] == rule.name]
    expected = [
        [bool(check["exp_alerts"]) for check in case["alert_rule_test"] if check["alertname"] == rule.name]
        for case in own
    ]
    assert any(any(checks) for checks in expected)
    assert any(checks and not any(checks) for checks in expected)


def test_no_case_is_about_an_alert_that_does_not_exist() -> None:
    assert {case["name"].split()[0] for case in CASES} == set(NAMES)


def test_the_metrics_of_an_alert_are_declared_and_used_as_what_they_are(rule: rules.Rule) -> None:
    assert mistakes(rule.expr) == []


def test_the_check_of_metrics_finds_mistakes() -> None:
    assert mistakes("rate(relay_requests_total[5m]) > 1") == []
    assert mistakes("rate(relay_request_total[5m])") == ["relay_request_total is declared nowhere"]
    assert mistakes("rate(relay_active_requests[5m])") == ["rate of the gauge relay_active_requests"]
    assert mistakes("relay_requests_total > 1") == ["relay_requests_total only grows: it wants a rate"]


def test_alert_has_an_sql_equivalent_or_a_reason() -> None:
    written = {name for name in statements() if name.startswith("alert_")}
    assert sorted(sql_equivalents.SQL_EQUIVALENTS.values()) == sorted(written)
    assert sorted([*sql_equivalents.SQL_EQUIVALENTS, *sql_equivalents.UNKNOWN_FROM_LOGS]) == sorted(NAMES)


def test_rule_with_sql_equivalent_is_supported_by_it(rule: rules.Rule) -> None:
    if rule.name in sql_equivalents.UNKNOWN_FROM_LOGS:
        assert sql_equivalents.unsupported_reason(rule) == sql_equivalents.UNKNOWN_FROM_LOGS[rule.name]
        return
    assert sql_equivalents.unsupported_reason(rule) is None
    assert expression.conditions(rule.expr)
    assert max(use.seconds for use in used(rule.expr)) <= logs.LONGEST_RANGE.total_seconds()


def test_the_latency_limits_are_borders_of_buckets() -> None:
    """So that the SQL equivalents, which use exact durations, and the histogram agree about the limit."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, str)
    metrics._observe("relay_request_duration_seconds", "a", 1)
    borders = {
        sample.labels["le"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "relay_request_duration_seconds_bucket"
    }
    asked = {le for rule in RULES for le in re.findall(r'le="([^"]+)"', rule.expr)}
    assert asked == {"5.0"}
    assert asked <= borders


def test_what_is_declared_is_the_contract() -> None:
    assert {"relay_requests_total", "relay_request_duration_seconds_bucket"} <= declared().keys()
    assert declared()["relay_etl_missing_lines_total"] == "gauge"
