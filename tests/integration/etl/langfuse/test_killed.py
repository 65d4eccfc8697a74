"""Every record is stored once in the end, with backfills killed and Langfuse failing at random."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.load.run import run
from tests.faults.langfuse import Plan, run_plan
from tests.support.langfuse.export import spread, write


@pytest.mark.parametrize(("ledger", "kills"), [("postgres", 2), ("sqlite", 1)])
def test_repeated_kills_lose_and_duplicate_nothing(
    tmp_path: Path, ledger: str, kills: int, request: pytest.FixtureRequest
) -> None:
    records = spread(1500)
    write(tmp_path / "logs", records)
    url = None
    if ledger == "postgres":
        url = request.getfixturevalue("migrated_url")
        run(url, tmp_path / "logs")
    plan = Plan(seed=7, records=1500, kills=kills, longest_life=2.0, rate_limit=600, together=2)
    run_plan(plan, tmp_path, records, url)
