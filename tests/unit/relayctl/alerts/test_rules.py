"""Rule files, expressions and SQL equivalents: parsing, and errors of one sentence."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from relayctl.alerts import rules, sql_equivalents
from relayctl.alerts.expression import Condition, conditions, normalized
from relayctl.errors import InputError


def _file(directory: Path, text: str) -> Path:
    path = directory / "rules.yml"
    path.write_text(text)
    return path


def test_rule_file_gives_alerts_and_skips_recording_rules(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        """
groups:
  - name: own
    interval: 30s
    rules:
      - {record: "a:b", expr: sum(b)}
      - alert: TooMany
        expr: sum(b) > 1
        for: 1h30m
        labels: {severity: page, tier: 1}
        annotations: {summary: Too many}
  - name: empty
""",
    )
    assert rules.read(path) == [
        rules.Rule(
            name="TooMany",
            expr="sum(b) > 1",
            hold=timedelta(minutes=90),
            labels={"severity": "page", "tier": "1"},
            annotations={"summary": "Too many"},
        )
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "is not YAML: while parsing"),
        ("", "the file should be a mapping of names to values"),
        ("rules: []", "'groups' is missing"),
        ("groups: [{name: a, rules: [{alert: A}]}]", "'groups[0].rules[0].expr' is missing"),
        (
            "groups: [{name: a, rules: [{expr: b}]}]",
            "'groups[0].rules[0]' must have either 'alert' or 'record'",
        ),
        (
            "groups: [{name: a, rules: [{alert: A, expr: b, form: 5m}]}]",
            "'groups[0].rules[0].form' is not known here",
        ),
        (
            "groups: [{name: a, rules: [{alert: A, expr: b, for: soon}]}]",
            "'groups[0].rules[0]' must have durations such as 30s, 5m or 1h30m, not 'soon'",
        ),
    ],
)
def test_invalid_rule_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(InputError) as caught:
        rules.read(path)
    assert str(caught.value).startswith(f"{path}")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_content_of_a_foreign_file_is_not_shown(tmp_path: Path) -> None:
    path = _file(tmp_path, "ada:hunter2:0:0")
    with pytest.raises(InputError) as caught:
        rules.read(path)
    assert str(caught.value) == f"{path}: the file should be a mapping of names to values"


def test_missing_rule_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="cannot be read: No such file or directory; give another with --rules"
    ):
        rules.read(tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("15s", 15), ("1m30s", 90), ("500ms", 0.5), ("1d", 86400), ("2w", 1_209_600)],
)
def test_prometheus_durations_are_parsed(text: str, seconds: float) -> None:
    assert rules.duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "1.5h", None])
def test_invalid_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must have durations"):
        rules.duration(text)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("a > 1", [("a", ">", "1")]),
        # White space, comments and a product on the left.
        ("  1 - a{x = 'and > 1'}\n /  b # why > 3\n  >=  0.5", [("1-a{x='and>1'}/b", ">=", "0.5")]),
        (
            "sum by (le) (rate(a[5m])) < 2 and b == 0",
            [("sum by(le)(rate(a[5m]))", "<", "2"), ("b", "==", "0")],
        ),
        # A comparison within brackets is part of a side.
        ("sum(a > 1) != 2", [("sum(a>1)", "!=", "2")]),
        ("a > 1 or b > 1", []),
        ("a > 1 unless b > 1", []),
        ("absent(a)", []),
        ("a > 1 and on(x) b", []),
    ],
)
def test_comparisons_of_an_expression_are_parsed(expression: str, found: list[tuple[str, str, str]]) -> None:
    assert conditions(expression) == tuple(
        Condition(left=left, operator=operator, right=right) for left, operator, right in found
    )


def test_limit_is_a_number_or_none() -> None:
    assert Condition(left="a", operator=">", right="0.072").limit == Decimal("0.072")
    assert Condition(left="a", operator=">", right="b").limit is None


@pytest.mark.parametrize("rule", rules.shipped(), ids=lambda rule: rule.name)
def test_normalizing_is_idempotent(rule: rules.Rule) -> None:
    assert normalized(normalized(rule.expr)) == normalized(rule.expr)


def _changed(name: str, old: str, new: str) -> rules.Rule:
    (rule,) = [one for one in rules.shipped() if one.name == name]
    assert old in rule.expr
    return rules.Rule(name=name, expr=rule.expr.replace(old, new), hold=timedelta(seconds=1))


def test_sql_equivalent_accepts_other_limits_and_for() -> None:
    assert sql_equivalents.unsupported_reason(_changed("HighLatency", "> 5", "  > 30")) is None
    assert sql_equivalents.unsupported_reason(_changed("AvailabilityBudgetBurnFast", "0.072", "0.2")) is None


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (_changed("HighLatency", "[5m]", "[10m]"), "its expression differs from the shipped rule"),
        (_changed("HighLatency", "> 5", "> 5 and a > 1"), "its expression differs from the shipped rule"),
        (_changed("HighLatency", "> 5", "> scalar(a)"), "it does not compare with plain numbers"),
        (rules.Rule(name="Mine", expr="a > 1"), "it has no SQL equivalent, only the shipped rules do"),
        (
            rules.Rule(name="HighLatency", expr="a > 1", keeps_firing=True),
            "keep_firing_for is not evaluated here",
        ),
    ],
)
def test_rule_without_sql_equivalent_has_a_reason(rule: rules.Rule, reason: str) -> None:
    assert (sql_equivalents.unsupported_reason(rule) or "").startswith(reason)
