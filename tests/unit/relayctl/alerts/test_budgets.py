"""Budgets: validation of the file, start of the period, warning ratio, metrics file."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from relayctl.alerts import budgets
from relayctl.alerts.budgets import Budget, BudgetUsage
from relayctl.alerts.check import budget_verdicts
from relayctl.errors import InputError, RelayctlError

AT = datetime(2026, 11, 15, 22, 30, tzinfo=UTC)
SEARCH = Budget(name="search", team="search", period="month", usd=Decimal(100))


def _file(directory: Path, text: str) -> Path:
    path = directory / "budgets.yaml"
    path.write_text(text)
    return path


def test_budgets_file_is_read(tmp_path: Path) -> None:
    text = """
budgets:
  - {name: search, team: search, period: month, usd: 500.10, warn: 0.9}
  - {name: ada, user: ada, period: day, tokens: 1_000_000, tz: Europe/Berlin}
  - {name: opus, model: claude-opus-4, period: month, usd: "0.000000000001"}
"""
    search, ada, opus = budgets.read(_file(tmp_path, text))
    assert (search.dimension, search.of, search.limit, search.warn) == (
        "team",
        "search",
        Decimal("500.1"),
        Decimal("0.9"),
    )
    assert (ada.dimension, ada.limit, ada.warn) == ("user", Decimal(1_000_000), Decimal("0.8"))
    assert (opus.dimension, opus.limit) == ("model", Decimal("0.000000000001"))


def test_example_in_the_documentation_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "docs" / "alerts.md").read_text("utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    assert [budget.dimension for budget in budgets.read(_file(tmp_path, example))] == [
        "team",
        "user",
        "model",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("budgets: {}", "'budgets' should be a valid list"),
        ("budgets: []\nbudget: []", "'budget' is not known here"),
        ("{name: a, team: b, period: month}", "'budgets[0]' must have exactly one of usd and tokens"),
        ("{name: a, team: b, period: day, usd: 1, tokens: 1}", "must have exactly one of usd and tokens"),
        ("{name: a, period: month, usd: 1}", "must name exactly one of user, team and model"),
        ("{name: a, user: b, team: b, period: day, usd: 1}", "exactly one of user, team and model"),
        (
            "{name: a, team: b, period: week, usd: 1}",
            ".period' should be 'day' or 'month', not 'week'",
        ),
        ("{name: a, team: b, period: day, usd: 0}", "'budgets[0].usd' should be greater than 0, not 0"),
        ("{name: a, team: b, period: day, usd: .nan}", "'budgets[0].usd' should be a finite number"),
        ("{name: a, team: b, period: day, tokens: 1.5}", "'budgets[0].tokens' should be a valid integer"),
        ("{name: a, team: b, period: day, usd: 1, warn: 80}", "should be less than or equal to 1, not 80"),
        ("{name: a, team: b, period: day, usd: 1, tz: Mars}", "'Mars' is not an IANA time zone"),
        ("{name: a, team: b, period: day, usd: 1, warns: 1}", "'budgets[0].warns' is not known here"),
        ("{name: '', team: b, period: day, usd: 1}", "'budgets[0].name' "),
        ("{name: a, team: 7, period: day, usd: 1}", "'budgets[0].team' should be a valid string, not 7"),
    ],
)
def test_invalid_budgets_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    whole = text if text.startswith("budgets") else f"budgets: [{text}]"
    with pytest.raises(InputError) as caught:
        budgets.read(_file(tmp_path, whole))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_duplicate_budget_name_is_refused(tmp_path: Path) -> None:
    one = "{name: a, team: b, period: day, usd: 1}"
    with pytest.raises(InputError, match="has two budgets of the name 'a'"):
        budgets.read(_file(tmp_path, f"budgets: [{one}, {one}]"))


@pytest.mark.parametrize(
    ("period", "tz", "since"),
    [
        ("day", "UTC", datetime(2026, 11, 15, tzinfo=UTC)),
        ("month", "UTC", datetime(2026, 11, 1, tzinfo=UTC)),
        # Half past eleven in Berlin, where a day begins at 23:00 UTC.
        ("day", "Europe/Berlin", datetime(2026, 11, 14, 23, tzinfo=UTC)),
        ("month", "Europe/Berlin", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        # The next day has begun in Tokyo.
        ("day", "Asia/Tokyo", datetime(2026, 11, 15, 15, tzinfo=UTC)),
    ],
)
def test_period_begins_in_the_budgets_time_zone(period: str, tz: str, since: datetime) -> None:
    budget = Budget.model_validate({"name": "a", "team": "b", "period": period, "usd": 1, "tz": tz})
    assert budget.since(AT) == since


@pytest.mark.parametrize(
    ("used", "state"),
    [("0", "OK"), ("79.999999999999", "OK"), ("80", "firing"), ("120", "firing")],
)
def test_warning_ratio_is_compared_exactly(used: str, state: str) -> None:
    usage = BudgetUsage(budget=SEARCH, used=Decimal(used), since=AT, unpriced=0)
    (verdict,) = budget_verdicts([], [usage])
    assert verdict.state == state
    assert verdict.labels == {"alertname": "BudgetNearEnd", "severity": "warning", "budget": "search"}
    assert verdict.threshold == ">= 0.8"


def test_unpriced_requests_are_noted_for_a_budget_in_usd() -> None:
    (verdict,) = budget_verdicts([], [BudgetUsage(budget=SEARCH, used=Decimal(1), since=AT, unpriced=3)])
    assert verdict.reason == "requests without a known price, not counted: 3"


def test_metrics_have_only_the_budget_name_as_label(tmp_path: Path) -> None:
    file = tmp_path / "budgets.prom"
    budgets.write_metrics([BudgetUsage(budget=SEARCH, used=Decimal(90), since=AT, unpriced=0)], file)
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert lines == [
        'relay_budget_used_ratio{budget="search"} 0.9',
        'relay_budget_warn_ratio{budget="search"} 0.8',
    ]


def test_unwritable_metrics_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RelayctlError, match="cannot be written: No such file or directory"):
        budgets.write_metrics([], tmp_path / "none" / "budgets.prom")
