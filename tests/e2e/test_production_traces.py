"""28,185 requests measured in production: records and reports agree with plain sums over the CSV."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from etl.load.run import run
from proxy.config.upstreams import Upstream
from proxy.metering.prices import PriceTable
from proxy.metering.usage import TokenUsage
from proxy.segments.file import SegmentFile
from proxy.segments.lines import SegmentName
from proxy.segments.record import UsageRecord, to_line
from tests.support.databases import migrated_database
from tests.support.real_input import TracedRequest, needs_real_input, traced_requests

pytestmark = needs_real_input

RELAYCTL = Path(sys.executable).parent / "relayctl"
MODELS = {"code": "gpt-4o-mini", "conv": "claude-haiku-4-5"}
# USD per million input and output tokens, from the providers' price pages; the sums below use only these two
# numbers and the CSV.
PRICES = {"code": (Decimal("0.15"), Decimal("0.6")), "conv": (Decimal(1), Decimal(5))}
UPSTREAMS = {
    "code": Upstream(name="openai", api="openai", base_url="https://api.openai.com/v1"),
    "conv": Upstream(name="anthropic", api="anthropic", base_url="https://api.anthropic.com"),
}


@dataclass
class Sum:
    """The plain sums of a group of requests."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    def add(self, traced: TracedRequest) -> None:
        """Adds one request at the two prices."""
        into, out = PRICES[traced.service]
        self.requests += 1
        self.prompt_tokens += traced.prompt_tokens
        self.completion_tokens += traced.completion_tokens
        self.cost_usd += (into * traced.prompt_tokens + out * traced.completion_tokens) / 1_000_000

    def row(self) -> tuple[int, int, int, Decimal]:
        """The values in the form of a report's row."""
        return self.requests, self.prompt_tokens, self.completion_tokens, self.cost_usd


Group = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def owned() -> list[tuple[TracedRequest, str, str]]:
    """Assigns a user and a team to each request: 300 users by Zipf's law, 12 teams."""
    random = Random(20231116)
    users = [f"user-{number:03d}" for number in range(1, 301)]
    weights = [1 / rank for rank in range(1, 301)]
    chosen = random.choices(range(300), weights, k=28_185)
    return [
        (traced, users[user], f"team-{user % 12:02d}")
        for traced, user in zip(traced_requests(), chosen, strict=True)
    ]


@pytest.fixture(scope="module")
def sums(owned: list[tuple[TracedRequest, str, str]]) -> dict[Group, Sum]:
    """The plain sums over the CSV per day, user, team and model."""
    found: dict[Group, Sum] = defaultdict(Sum)
    for traced, user, team in owned:
        found[traced.at.date().isoformat(), user, team, MODELS[traced.service]].add(traced)
    return found


def _record(number: int, traced: TracedRequest, user: str, team: str, prices: PriceTable) -> UsageRecord:
    usage = TokenUsage(prompt_tokens=traced.prompt_tokens, completion_tokens=traced.completion_tokens)
    model = MODELS[traced.service]
    price = prices.price(usage, upstream=UPSTREAMS[traced.service], models=[model], at=traced.at, tier=None)
    return UsageRecord(
        request_id=f"req_{number:026d}",
        created_at=traced.at,
        user_id=user,
        team_id=team,
        model=model,
        status=200,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        cost_usd=price.cost_usd,
        price_source=price.source,
        latency_ms=Decimal(traced.completion_tokens * 20),
    )


@pytest.fixture(scope="module")
def logs(owned: list[tuple[TracedRequest, str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The requests as sealed segments of one writer, 4,000 per segment."""
    directory, prices = tmp_path_factory.mktemp("logs"), PriceTable()
    seq, previous = 0, None
    for number, start in enumerate(range(0, len(owned), 4000), start=1):
        batch = owned[start : start + 4000]
        name = SegmentName(started_at=batch[0][0].at, writer="traces-1-00000000", number=number)
        segment = SegmentFile.create(directory, name, seq=seq + 1, previous=previous)
        seq += 1
        for index, (traced, user, team) in enumerate(batch, start=start):
            record = _record(index, traced, user, team, prices)
            seq += 1
            segment.append_record(to_line(record, seq), record)
        seq += 1
        previous = segment.seal(seq=seq, sealed_at=batch[-1][0].at)
    return directory


@pytest.fixture(scope="module")
def loaded_url(logs: Path, postgres_url: str) -> Iterator[str]:
    """A database with the requests loaded."""
    with migrated_database(postgres_url) as url:
        result = run(url, logs)
        assert (result.loaded, result.duplicate, result.rejected) == (28_185, 0, 0)
        yield url


def _usage(*arguments: str) -> dict[str, Any]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RELAY")}
    done = subprocess.run(
        [RELAYCTL, "usage", "-o", "json", "--since", "2023-11-16", "--until", "2023-11-18", *arguments],
        capture_output=True, text=True, check=True, env=environ,
    )  # fmt: skip
    shown = json.loads(done.stdout, parse_float=Decimal)
    assert isinstance(shown, dict)
    return shown


def _rows(report: dict[str, Any]) -> dict[Group, tuple[int, int, int, Decimal]]:
    return {
        (row["day"], row["user_id"], row["team_id"], row["model"]): (
            row["requests"],
            row["prompt_tokens"],
            row["completion_tokens"],
            Decimal(row["cost_usd"]),
        )
        for row in report["rows"]
    }


def _expected(sums: dict[Group, Sum]) -> dict[Group, tuple[int, int, int, Decimal]]:
    return {group: total.row() for group, total in sums.items()}


def test_usage_daily_agrees_with_plain_sums(loaded_url: str, sums: dict[Group, Sum]) -> None:
    with psycopg.connect(loaded_url) as connection:
        rows = connection.execute(
            "SELECT day, user_id, team_id, model, requests, prompt_tokens, completion_tokens, cost_usd"
            " FROM usage_daily"
        ).fetchall()
    assert {(row[0].isoformat(), *row[1:4]): row[4:] for row in rows} == _expected(sums)


def test_usage_from_postgresql_agrees_with_plain_sums(loaded_url: str, sums: dict[Group, Sum]) -> None:
    report = _usage("--source", "postgres", "--database-url", loaded_url)
    assert _rows(report) == _expected(sums)
    assert report["totals"]["requests"] == 28_185


def test_usage_from_logs_agrees_with_plain_sums(logs: Path, sums: dict[Group, Sum]) -> None:
    report = _usage("--source", "logs", "--logs", str(logs))
    assert _rows(report) == _expected(sums)
    assert report["totals"]["cost_usd"] == sum((total.cost_usd for total in sums.values()), Decimal(0))


def test_both_sources_give_exactly_equal_reports(loaded_url: str, logs: Path) -> None:
    ours = _usage("--source", "postgres", "--database-url", loaded_url, "--tz", "Asia/Kolkata")
    theirs = _usage("--source", "logs", "--logs", str(logs), "--tz", "Asia/Kolkata")
    assert ours | {"as_of": None} == theirs | {"as_of": None}
