"""What the page says in words where a chart has nothing to draw, and how it writes names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relayctl.report_page.content import gather
from relayctl.report_page.page import page
from relayctl.reports.query import Filters
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.logs import LogSource
from tests.support.report_data import FIRST, record, write_segment

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PERIOD = Period(since=FIRST, until=FIRST + timedelta(days=2), zone=zone_named("UTC"))
NOTHING = "Nothing in this range."


def text_of(directory: Path, *records: dict[str, Any]) -> str:
    """The page over a log directory with these records, each a plain one with its changes."""
    write_segment(directory, [record(number, **changes) for number, changes in enumerate(records, start=1)])
    source = LogSource(directory=directory, now=lambda: NOW)
    return page(gather(source, PERIOD, filters=Filters(), now=NOW, budgets_file=None)).decode()


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], {f"Cost per day by team</h2><p>{NOTHING}", f"Errors and cache per day</h2><p>{NOTHING}"}),
        ([{}], {"Errors and cache per day</h2><p>No error, and nothing from the cache."}),
        ([{"cost_usd": None}], {"Cost per day by model</h2><p>No cost that is known."}),
        (
            [{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}],
            {"Tokens per day by model</h2><p>No tokens."},
        ),
    ],
)
def test_a_chart_without_a_bar_says_why(
    tmp_path: Path, records: list[dict[str, Any]], said: set[str]
) -> None:
    found = text_of(tmp_path, *records)
    assert {sentence for sentence in said if sentence not in found} == set()
    assert (NOTHING in found) is (not records)


def test_a_name_cannot_steer_the_page(tmp_path: Path) -> None:
    found = text_of(tmp_path, {"team_id": "a\x1bb", "user_id": "\u202egnp"})
    assert "a\\x1bb" in found
    assert [part for part in ("\x1b", r"\u001b", "\u202e") if part in found] == []
