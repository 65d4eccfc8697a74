"""Prometheus and the logs give the same verdicts for the same traffic, for each kind of failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.segments.record import UsageRecord
from relayctl.alerts import logs, prometheus, rules, sql_equivalents
from relayctl.alerts.verdict import Verdict
from tests.support.monitoring.alert_traffic import SCRAPE, request, write_blocks, write_logs
from tests.support.monitoring.servers import prometheus_server

START = datetime(2026, 11, 1, tzinfo=UTC)
HOURS = 11.5
RULES = [rule for rule in rules.shipped() if rule.name not in sql_equivalents.UNKNOWN_FROM_LOGS]


@dataclass(frozen=True, kw_only=True)
class History:
    """The same history in a log directory and in Prometheus."""

    logs: Path
    server: prometheus.Prometheus


def _at(text: str) -> datetime:
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return START + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def _every(seconds: float, since: str, until: str) -> Iterator[datetime]:
    moment = _at(since)
    while moment < _at(until):
        moment += timedelta(seconds=seconds)
        yield moment - timedelta(milliseconds=300)


def _history() -> list[UsageRecord]:
    """Half a request a second for half a day, and on top of them one failure after the other."""
    moments: list[tuple[datetime, dict[str, object]]] = []
    for number, moment in enumerate(_every(2, "0:00", "11:30")):
        # One in 25 fails in the first seven hours: too much for the month, not for the hour.
        fails = number % 25 == 0 and moment < _at("7:00")
        slow = _at("8:00") <= moment < _at("8:25") or _at("9:00") <= moment < _at("11:00")
        moments.append((moment, {"status": 503 if fails else 200, "seconds": 6 if slow else 0.2}))
    moments += [(moment, {"cost_usd": None}) for moment in _every(60, "5:00", "5:01")]
    moments += [(moment, {"status": 502}) for moment in _every(1, "7:20", "7:40")]
    moments += [(moment, {"status": 429, "limit_type": "rpm"}) for moment in _every(0.3, "11:00", "11:15")]
    return [
        request(number, moment, **changes)  # type: ignore[arg-type]
        for number, (moment, changes) in enumerate(moments, start=1)
    ]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """The history, written in both forms."""
    directory, records = tmp_path_factory.mktemp("alerts"), _history()
    write_logs(directory / "logs", records)
    write_blocks(directory / "prometheus", records, START, START + timedelta(hours=HOURS))
    with prometheus_server(directory / "prometheus") as url:
        yield History(logs=directory / "logs", server=prometheus.Prometheus(url))


def _by_name(verdicts: list[Verdict]) -> dict[str, Verdict]:
    assert len({verdict.rule.name for verdict in verdicts}) == len(verdicts) == len(RULES)
    return {verdict.rule.name: verdict for verdict in verdicts}


SLOW_BURN = "AvailabilityBudgetBurnSlow"


# Alerts that are not named are OK.
@pytest.mark.parametrize(
    ("moment", "states"),
    [
        ("2:30", {SLOW_BURN: "firing"}),
        ("5:30", {SLOW_BURN: "firing", "UnpricedRequests": "firing"}),
        # An hour after the request without a price.
        ("6:30", {SLOW_BURN: "firing"}),
        # The first 502 came 75 seconds ago.
        ("7:21:15", {"UpstreamErrors": "pending", SLOW_BURN: "pending"}),
        ("7:30", {"UpstreamErrors": "firing", "AvailabilityBudgetBurnFast": "firing", SLOW_BURN: "pending"}),
        # The 502 are within the last half hour, but not within the last five minutes.
        ("8:06", {"HighLatency": "pending", SLOW_BURN: "firing"}),
        ("8:15", {"HighLatency": "firing"}),
        ("8:50", {}),
        ("10:55", dict.fromkeys(("HighLatency", "LatencyBudgetBurnFast", "LatencyBudgetBurnSlow"), "firing")),
        ("11:05", {"HighRateLimitHits": "pending", "LatencyBudgetBurnSlow": "firing"}),
        ("11:12", {"HighRateLimitHits": "firing"}),
    ],
)
def test_prometheus_and_the_logs_agree(history: History, moment: str, states: dict[str, str]) -> None:
    at = _at(moment)
    from_prometheus = _by_name(prometheus.check(history.server, RULES, at))
    answer = logs.check(str(history.logs), RULES, at)
    assert answer.notes == ()
    from_logs = _by_name(answer.verdicts)
    assert {name: verdict.state for name, verdict in from_prometheus.items()} == {
        name: verdict.state for name, verdict in from_logs.items()
    }
    active = {name: verdict.state for name, verdict in from_logs.items() if verdict.state != "OK"}
    assert active == states
    for name in active:
        ours, theirs = from_logs[name].since, from_prometheus[name].since
        assert ours is not None
        assert theirs is not None
        assert abs(ours - theirs) <= 3 * SCRAPE, name


def test_labels_threshold_and_value_agree(history: History) -> None:
    at = _at("7:30")
    from_prometheus = _by_name(prometheus.check(history.server, RULES, at))["UpstreamErrors"]
    from_logs = _by_name(logs.check(str(history.logs), RULES, at).verdicts)["UpstreamErrors"]
    assert (
        from_prometheus.labels == from_logs.labels == {"alertname": "UpstreamErrors", "severity": "critical"}
    )
    assert from_prometheus.threshold == from_logs.threshold == "> 0.1"
    assert from_prometheus.value is not None
    assert from_logs.value is not None
    assert abs(from_prometheus.value - from_logs.value) < 0.02
