"""Killed at any moment, before a Langfuse that fails at random, each record is there once at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.load.run import run
from tests.faults.langfuse import Plan, prove
from tests.support.langfuse.export import spread, write


@pytest.mark.parametrize(("ledger", "kills"), [("postgres", 2), ("sqlite", 1)])
def test_killed_again_and_again_nothing_is_lost_or_twice(
    tmp_path: Path, ledger: str, kills: int, request: pytest.FixtureRequest
) -> None:
    records = spread(1500)
    write(tmp_path / "logs", records)
    url = None
    if ledger == "postgres":
        url = request.getfixturevalue("migrated_url")
        run(url, tmp_path / "logs")
    plan = Plan(seed=7, records=1500, kills=kills, longest_life=2.0, rate_limit=600, together=2)
    prove(plan, tmp_path, records, url)
