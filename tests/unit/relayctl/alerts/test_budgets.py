"""Budgets: what a file may say, when their periods begin, and when they are near their end."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from relayctl.alerts import budget_metrics, budgets, near_end
from relayctl.alerts.budgets import Budget, Spent
from relayctl.errors import InputError, RelayctlError

AT = datetime(2026, 11, 15, 22, 30, tzinfo=UTC)
SEARCH = Budget(name="search", team="search", period="month", usd=Decimal(100))


def _file(directory: Path, text: str) -> Path:
    path = directory / "budgets.yaml"
    path.write_text(text)
    return path


def test_a_file_of_budgets_is_read(tmp_path: Path) -> None:
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


def test_the_example_in_the_documents_is_a_file_of_budgets(tmp_path: Path) -> None:
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
def test_a_mistake_in_a_file_of_budgets_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    whole = text if text.startswith("budgets") else f"budgets: [{text}]"
    with pytest.raises(InputError) as caught:
        budgets.read(_file(tmp_path, whole))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_budgets_of_one_name_are_refused(tmp_path: Path) -> None:
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
def test_a_period_begins_on_the_clocks_of_its_zone(period: str, tz: str, since: datetime) -> None:
    budget = Budget.model_validate({"name": "a", "team": "b", "period": period, "usd": 1, "tz": tz})
    assert budget.since(AT) == since


@pytest.mark.parametrize(
    ("used", "state"),
    [("0", "OK"), ("79.999999999999", "OK"), ("80", "firing"), ("120", "firing")],
)
def test_a_budget_is_near_its_end_at_its_share_to_the_last_digit(used: str, state: str) -> None:
    spent = Spent(budget=SEARCH, used=Decimal(used), since=AT, unpriced=0)
    (verdict,) = near_end.judged([], [spent])
    assert verdict.state == state
    assert verdict.labels == {"alertname": "BudgetNearEnd", "severity": "warning", "budget": "search"}
    assert verdict.threshold == ">= 0.8"


def test_unpriced_requests_are_told_beside_a_budget_of_money() -> None:
    (verdict,) = near_end.judged([], [Spent(budget=SEARCH, used=Decimal(1), since=AT, unpriced=3)])
    assert verdict.reason == "requests without a known price, not counted: 3"


def test_the_metrics_carry_the_name_of_the_budget_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "budgets.prom"
    budget_metrics.write([Spent(budget=SEARCH, used=Decimal(90), since=AT, unpriced=0)], file)
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert lines == [
        'relay_budget_used_ratio{budget="search"} 0.9',
        'relay_budget_warn_ratio{budget="search"} 0.8',
    ]


def test_a_metrics_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RelayctlError, match="cannot be written: No such file or directory"):
        budget_metrics.write([], tmp_path / "none" / "budgets.prom")
