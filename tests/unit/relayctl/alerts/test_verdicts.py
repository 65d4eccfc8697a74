"""Alert states, labels and annotations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayctl.alerts.alertmanager import alert
from relayctl.alerts.annotations import expand, humanize, humanize_duration, humanize_percentage
from relayctl.alerts.check import Check
from relayctl.alerts.rules import Rule
from relayctl.alerts.verdict import LOOK_BACK, EvaluationTimes, State, Verdict, labels, state
from relayctl.render.alerts import alerts_sheet
from relayctl.render.sheet import Column, cell

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
TWO_MINUTES = Rule(name="A", expr="a > 1", hold=timedelta(minutes=2))


@pytest.mark.parametrize(
    ("held_for", "gap", "expected"),
    [
        (None, None, "OK"),
        (0, None, "pending"),
        (105, None, "pending"),
        (120, None, "firing"),
        (3600, None, "firing"),
        # A break restarts the wait.
        (3600, 60, "pending"),
        (3600, 0, "OK"),
    ],
)
def test_alert_fires_when_its_condition_held_without_a_break(
    held_for: int | None, gap: int | None, expected: str
) -> None:
    times = EvaluationTimes.of(TWO_MINUTES, AT)
    active = {
        moment
        for moment in times.newest_first()
        if held_for is not None and AT - moment <= timedelta(seconds=held_for)
    }
    if gap is not None:
        active -= {AT - timedelta(seconds=gap)}
    assert state(TWO_MINUTES, times, active)[0] == expected


def test_alert_without_for_fires_at_once_and_has_since() -> None:
    rule = Rule(name="A", expr="a > 1")
    times = EvaluationTimes.of(rule, AT)
    assert state(rule, times, {AT}) == ("firing", AT)
    assert state(rule, times, set(times.newest_first())) == ("firing", AT - LOOK_BACK)


@given(st.integers(0, 10**8))
def test_evaluation_times_are_dense_enough_and_bounded(seconds: int) -> None:
    hold = timedelta(seconds=seconds)
    times = EvaluationTimes.of(Rule(name="A", expr="a", hold=hold), AT)
    assert times.start <= AT - hold
    assert times.newest_first()[0] == AT
    assert len(times.newest_first()) == times.count
    if seconds <= 3600 * 24:
        assert times.count <= 10_001
        assert times.step <= max(hold / 8, timedelta(seconds=15)) or seconds < 8


def test_labels_are_those_of_prometheus() -> None:
    rule = Rule(name="A", expr="a", labels={"severity": "page", "of": "{{ $labels.job }}"})
    series = {"__name__": "up", "job": "relay", "severity": "other"}
    assert labels(rule, series) == {"alertname": "A", "job": "relay", "of": "relay", "severity": "page"}


# What Prometheus 2.42 makes of them.
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.2, "200m"),
        (1, "1"),
        (999.96, "1000"),
        (1234567, "1.235M"),
        (-1500, "-1.5k"),
        (0.0000123, "12.3u"),
    ],
)
def test_numbers_are_humanized_as_prometheus_does(value: float, shown: str) -> None:
    assert humanize(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (6.25, "6.25s"),
        (60, "1m 0s"),
        (10200, "2h 50m 0s"),
        (-90061, "-1d 1h 1m 1s"),
    ],
)
def test_durations_are_humanized_as_prometheus_does(value: float, shown: str) -> None:
    assert humanize_duration(value) == shown


def test_shares_are_humanized_as_prometheus_does() -> None:
    assert humanize_percentage(0.123456) == "12.35%"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ $value | humanize }} a second", "1.5 a second"),
        ("{{$value}} of {{ $labels.budget }}", "1.5 of search"),
        ("{{ $labels.absent }}.", "."),
        # Unknown functions in a user's own rules are left unchanged.
        ('{{ printf "%.2f" $value }} {{ $value | humanize1024 }}', None),
    ],
)
def test_annotation_templates_are_expanded(text: str, shown: str | None) -> None:
    assert expand(text, {"budget": "search"}, Decimal("1.5")) == (shown or text)


def test_missing_value_reads_unknown() -> None:
    assert expand("{{ $value | humanize }}", {}, None) == "unknown"


def test_sent_alert_does_not_name_the_sending_host() -> None:
    rule = Rule(name="A", expr="a", annotations={"summary": "{{ $labels.x }}"})
    verdict = Verdict(rule=rule, state="firing", labels={"alertname": "A", "x": "1"}, since=AT)
    assert alert(verdict) == {
        "labels": {"alertname": "A", "x": "1"},
        "annotations": {"summary": "1"},
        "startsAt": "2026-11-01T12:00:00.000000Z",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.31234", "0.3123"),
        ("0E-12", "0"),
        ("1764000000.4", "1,764,000,000"),
        ("-0.5", "-0.5"),
        ("42.5436", "42.54"),
    ],
)
def test_value_is_shown_to_four_digits(value: str, shown: str) -> None:
    assert cell(Column(name="value", title="value", kind="figure"), Decimal(value)) == shown


def test_worst_alert_is_first_and_others_keep_the_order_of_rules() -> None:
    given: list[tuple[str, State]] = [
        ("a", "OK"),
        ("b", "unknown"),
        ("c", "pending"),
        ("d", "firing"),
        ("e", "OK"),
    ]
    verdicts = [Verdict(rule=Rule(name=name, expr="a"), state=state) for name, state in given]
    rows = alerts_sheet(Check(at=AT, source="logs", verdicts=verdicts, notes=())).rows
    assert [row["alert"] for row in rows] == ["d", "c", "a", "b", "e"]


def test_only_active_alerts_have_annotations_in_json() -> None:
    rule = Rule(name="A", expr="a", annotations={"summary": "{{ $value }}"})
    states: tuple[State, ...] = ("firing", "OK")
    verdicts = [Verdict(rule=rule, state=state, value=Decimal(2)) for state in states]
    document = alerts_sheet(Check(at=AT, source="logs", verdicts=verdicts, notes=())).document
    assert [alert["annotations"] for alert in document["alerts"]] == [{"summary": "2"}, {}]
