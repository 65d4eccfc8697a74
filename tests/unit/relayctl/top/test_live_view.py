"""The rates of the live view: quantiles, differences of metrics, segments followed while written."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from rich.console import Console

from proxy.metrics.registry import Metrics
from proxy.segments.record import UsageRecord, to_line
from relayctl.render.top import View, screen
from relayctl.top.metrics import MetricsError, MetricsWindow, read
from relayctl.top.rates import Bucket, Rates, quantile
from relayctl.top.tail import Tail
from tests.support.report_data import record

INF = float("inf")

QUANTILES: list[tuple[str, list[Bucket], float, float | None]] = [
    ("nothing", [], 0.5, None),
    ("no requests", [(1.0, 0.0), (INF, 0.0)], 0.5, None),
    ("the middle of the first bucket", [(1.0, 10.0), (INF, 10.0)], 0.5, 0.5),
    ("between two bounds", [(1.0, 5.0), (3.0, 15.0), (INF, 15.0)], 0.5, 1.5),
    ("beyond the last bound", [(1.0, 5.0), (INF, 15.0)], 0.95, 1.0),
]


@pytest.mark.parametrize(("buckets", "share", "value"), [row[1:] for row in QUANTILES])
def test_quantile_equals_histogram_quantile(buckets: list[Bucket], share: float, value: float | None) -> None:
    assert quantile(share, buckets) == value


@given(st.lists(st.floats(0.01, 99), min_size=1), st.floats(0.01, 1))
def test_quantile_lies_in_the_bucket_of_the_exact_one(values: list[float], share: float) -> None:
    bounds = [0.1, 1.0, 10.0, 100.0, INF]
    buckets = [(bound, float(sum(value <= bound for value in values))) for bound in bounds]
    rank = share * len(values)
    true = next(value for at, value in enumerate(sorted(values), 1) if at >= rank)
    high = next(bound for bound in bounds if true <= bound)
    low = max([bound for bound in bounds if bound < true], default=0.0)
    found = quantile(share, buckets)
    assert found is not None
    assert low <= found <= high


def text_of(*records: UsageRecord) -> str:
    """The metrics of a proxy that has counted these records."""
    metrics = Metrics(CollectorRegistry(), lambda model: model)
    for one in records:
        metrics.observe(one)
    return metrics.text().decode()


def request(model: str, **changes: Any) -> UsageRecord:
    return record(model=model, latency_ms=Decimal(400), **changes)


def test_rates_are_differences_per_second() -> None:
    window = MetricsWindow()
    before = [request("gpt-4o")]
    window.add(read(text_of(*before), 100.0))
    failed = [request("gpt-4o", status=502, cost_usd=None) for _ in range(5)]
    more = [request("gpt-4o", prompt_tokens=60, completion_tokens=40, total_tokens=100) for _ in range(15)]
    other = [request("o3", cost_usd=Decimal("0.5"), prompt_tokens=0, completion_tokens=0, total_tokens=0)]
    window.add(read(text_of(*before, *failed, *more, *other), 110.0))
    first, second = window.by_model()
    assert (first.name, second.name) == ("gpt-4o", "o3")
    assert (first.requests, first.errors) == (Decimal(2), Decimal("0.25"))
    assert (second.requests, second.usd_per_hour, second.tokens) == (Decimal("0.1"), Decimal(180), Decimal(0))
    assert first.p50 is not None
    assert 0.25 <= first.p50 <= 0.5
    assert window.all().requests == Decimal("2.1")


def test_restarted_proxy_resets_the_rates() -> None:
    window = MetricsWindow()
    window.add(read(text_of(*[request("gpt-4o")] * 9), 1.0))
    window.add(read(text_of(request("gpt-4o")), 2.0))
    assert window.all().requests == 0
    window.add(read(text_of(*[request("gpt-4o")] * 4), 3.0))
    assert window.all().requests == 3


def test_only_the_last_minute_is_counted() -> None:
    window = MetricsWindow()
    for second in range(0, 300, 10):
        window.add(read(text_of(*[request("gpt-4o")] * (second // 10)), float(second)))
    assert window.all().requests == Decimal("0.1")


@pytest.mark.parametrize("text", ["relay_requests_total{ 5", 'relay_requests_total{model="x"} 1', "<html>"])
def test_invalid_metrics_are_one_sentence(text: str) -> None:
    with pytest.raises(MetricsError, match="not Prometheus' text format"):
        read(text, 1.0)


def line(seq: int, team: str, **changes: Any) -> bytes:
    return to_line(record(seq, team_id=team, latency_ms=Decimal(seq), **changes), seq=seq)


def test_segment_is_followed_through_sealing(tmp_path: Path) -> None:
    path = tmp_path / "usage-20261123T100000Z-w1-000001.jsonl.open"
    path.write_bytes(line(1, "before"))
    tail = Tail(tmp_path)
    tail.poll(0.0)
    with path.open("ab") as segment:
        whole = line(2, "looms", cost_usd=Decimal("0.01"))
        segment.write(whole[:50])
        segment.flush()
        tail.poll(1.0)
        assert tail.by_team(1.0) == []
        segment.write(whole[50:] + line(3, "looms", status=500, cost_usd=None) + b"broken\n")
    path.rename(path.with_suffix(""))
    (tmp_path / "usage-20261123T100100Z-w1-000002.jsonl.open").write_bytes(line(4, "engines"))
    (tmp_path / "content-20261123T100100Z-w1-000001.jsonl.open").write_bytes(b"{}\n")
    tail.poll(2.0)
    looms, engines = tail.by_team(2.0)
    assert (looms.name, looms.requests, looms.errors) == ("looms", Decimal(1), Decimal("0.5"))
    assert looms.usd_per_hour == 18
    assert (engines.name, engines.requests, engines.p95) == ("engines", Decimal("0.5"), 0.004)
    tail.poll(63.0)
    assert tail.by_team(63.0) == []
    tail.close()


def test_missing_directory_has_no_teams(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "nowhere")
    tail.poll(0.0)
    assert tail.by_team(1.0) == []


def rates(name: str) -> Rates:
    return Rates(
        name=name,
        requests=Decimal("12.34"),
        tokens=Decimal(123456),
        usd_per_hour=Decimal("1234.5"),
        errors=Decimal("0.02"),
        p50=0.25,
        p95=None,
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (200, 60), (20, 8)])
def test_screen_fits_the_height(width: int, height: int) -> None:
    view = View(
        url="http://127.0.0.1:8000",
        at="10:00:00 UTC",
        active=3,
        total=rates("all"),
        models=[rates(f"model-{at}-\x1b[2J-with-a-very-long-name-indeed") for at in range(30)],
        teams=[rates(f"команда 織機 {at}") for at in range(30)],
        note="a note",
    )
    console = Console(width=width, height=height, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(screen(view, height=height))
    lines = captured.get().splitlines()
    assert len(lines) <= height or height < 11
    assert "\x1b" not in captured.get()
    assert all(len(line) <= width for line in lines)
