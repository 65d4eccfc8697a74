"""`relayctl alert-check`: its output, the alerts it sends, its exit codes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etl.archive.store import open_store
from proxy.segments.lines import SegmentName
from relayctl import cli, exit_codes
from relayctl.alerts import sql_equivalents
from relayctl.alerts.rules import Rule
from relayctl.sources.remote_logs import copied
from tests.support.monitoring.alert_traffic import request
from tests.support.monitoring.servers import alertmanager_server, get, prometheus_server
from tests.support.report_data import write_segment
from tests.support.s3 import BUCKET, s3_server

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOON = ("--at", "2026-11-01T12:00:00Z")
Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Logs in which a provider fails once a second for a quarter of an hour until noon."""
    directory = tmp_path / "logs"
    directory.mkdir()
    storm = [request(number, AT - timedelta(seconds=number), status=502) for number in range(900)]
    calm = [request(1000 + number, AT - timedelta(hours=2, seconds=number)) for number in range(100)]
    write_segment(directory, storm + calm)
    return directory


@pytest.fixture
def check(logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `relayctl alert-check …` and returns its exit code, stdout and stderr."""
    monkeypatch.delenv("RELAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("RELAY_LOG_DIR", str(logs))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["alert-check", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def _alerts(out: str) -> dict[str, dict[str, Any]]:
    document = msgspec.json.decode(out)
    assert document["schema"] == "relay.alerts/v1"
    return {alert["alert"]: alert for alert in document["alerts"]}


def _file(directory: Path, name: str, text: str) -> str:
    (directory / name).write_text(text)
    return str(directory / name)


def test_firing_alerts_are_shown_first_and_exit_with_3(check: Check) -> None:
    code, out, err = check(*NOON)
    assert (code, err) == (exit_codes.FOUND, "")
    lines = out.splitlines()
    assert lines[0] == "At 2026-11-01T12:00:00Z, from logs: 2 firing, 1 pending, 5 OK, 7 unknown"
    assert lines[3].split() == [
        "UpstreamErrors",
        "firing",
        "critical",
        "1",
        ">",
        "0.1",
        "2026-11-01T11:45:45Z",
    ]
    assert "unknown from logs: a proxy that is down writes nothing, and so does one without traffic" in out


def test_exit_code_is_0_if_nothing_fires(check: Check) -> None:
    code, out, _ = check("--at", "2026-11-01T11:00:00Z", "-o", "json")
    assert code == exit_codes.DONE
    assert {alert["state"] for alert in _alerts(out).values()} == {"OK", "unknown"}


def test_requests_in_an_open_segment_are_counted(check: Check, logs: Path) -> None:
    (sealed,) = logs.iterdir()
    sealed.rename(sealed.with_name(f"{sealed.name}.open"))
    assert _alerts(check(*NOON, "-o", "json")[1])["UpstreamErrors"]["value"] == 1


def test_segment_sealed_while_listing_is_counted_once(check: Check, logs: Path) -> None:
    (sealed,) = logs.iterdir()
    sealed.with_name(f"{sealed.name}.open").write_bytes(sealed.read_bytes())
    assert _alerts(check(*NOON, "-o", "json")[1])["UpstreamErrors"]["value"] == 1


def test_segments_in_s3_give_the_same_output(check: Check, logs: Path) -> None:
    _, expected, _ = check(*NOON, "-o", "json")
    with s3_server():
        store = open_store(f"s3://{BUCKET}/logs")
        for path in logs.iterdir():
            with path.open("rb") as file:
                store.put(path.name, file)
        code, out, err = check(*NOON, "-o", "json", "--logs", store.url)
    # The S3 stand-in may print something before it.
    assert (code, out[-len(expected) :], err) == (exit_codes.FOUND, expected, "")


def test_only_segments_of_the_period_are_copied_from_s3(logs: Path) -> None:
    for place in logs.iterdir():
        place.unlink()
    with s3_server():
        store = open_store(f"s3://{BUCKET}/logs")
        for number, hour in enumerate((1, 2, 3, 4), start=1):
            name = SegmentName(started_at=AT + timedelta(hours=hour), writer="w1", number=number)
            store.put(str(name), BytesIO(b""))
        for since, numbers in ((0, "1234"), (2, "234"), (2.5, "234"), (3.5, "34"), (9, "4")):
            with copied(store, since=AT + timedelta(hours=since, seconds=2)) as directory:
                assert "".join(sorted(path.stem[-1] for path in directory.iterdir())) == numbers


def test_unreadable_lines_are_counted_and_skipped(check: Check, logs: Path) -> None:
    (sealed,) = logs.iterdir()
    sealed.write_bytes(sealed.read_bytes() + b"no json\n" + b'{"event":"request","status":"x"}\n' + b'{"v":')
    (logs / "usage-notes.jsonl").write_text("foreign")
    code, out, err = check(*NOON, "-o", "json")
    assert code == exit_codes.FOUND
    assert err.splitlines() == [
        "note: 1 file passed over as no segment: usage-notes.jsonl",
        "note: 3 lines passed over because no request can be read there",
    ]
    assert _alerts(out)["UpstreamErrors"]["state"] == "firing"


def test_own_rules_use_their_limits_or_are_unknown(check: Check, tmp_path: Path) -> None:
    text = """
groups:
  - name: own
    rules:
      - {alert: UpstreamErrors, expr: 'sum(rate(relay_requests_total{status="502"}[5m])) > 20', for: 2m}
      - {alert: Mine, expr: relay_active_requests > 5}
"""
    code, out, _ = check(*NOON, "--rules", _file(tmp_path, "own.yml", text), "-o", "csv")
    assert code == exit_codes.DONE
    reason = sql_equivalents.unsupported_reason(Rule(name="Mine", expr="a"))
    assert out.splitlines()[1:] == [
        "UpstreamErrors,OK,,1,> 20,,,",
        f'Mine,unknown,,,,,,"unknown from logs: {reason}"',
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ("--source", "prometheus"),
            exit_codes.USAGE,
            "source prometheus needs a server: give --prometheus-url",
        ),
        (
            ("--prometheus-url", "localhost:9090"),
            exit_codes.USAGE,
            "--prometheus-url must be a URL such as http",
        ),
        (
            ("--prometheus-url", "http://ops:hunter2@127.0.0.1:1"),
            exit_codes.FAILED,
            "Prometheus at http://127.0.0.1:1 cannot be reached: Connection refused; check",
        ),
        (("--rules", "none.yml"), exit_codes.USAGE, "none.yml cannot be read: No such file or directory"),
        (("--budgets", "none.yml"), exit_codes.USAGE, "none.yml cannot be read: No such file or directory"),
        (
            ("--metrics-file", "x.prom"),
            exit_codes.USAGE,
            "--metrics-file has nothing to write",
        ),
        (("--at", "soon"), exit_codes.USAGE, "at 'soon' is none of: a date (2026-11-01)"),
        (("--logs", "none"), exit_codes.FAILED, "log directory none does not exist: give one with --logs"),
        (
            ("--logs", "https://x/logs"),
            exit_codes.FAILED,
            "the address is neither a directory nor s3://bucket/prefix",
        ),
    ],
)
def test_error_is_one_sentence(check: Check, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    ended, out, err = check(*arguments)
    assert (ended, out) == (code, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert "hunter2" not in err


BUDGETS = """
budgets:
  - {name: search month, team: search, period: month, usd: 1}
  - {name: ada day, user: ada, period: day, tokens: 1000000000}
"""


def test_budgets_from_postgresql_and_logs_are_equal(
    check: Check, tmp_path: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAYCTL_ALERT_CHECK_BUDGETS", _file(tmp_path, "budgets.yaml", BUDGETS))
    file = tmp_path / "budgets.prom"
    code, ours, _ = check(*NOON, "-o", "ndjson", "--metrics-file", str(file))
    assert code == exit_codes.FOUND
    rows = [msgspec.json.decode(line) for line in ours.splitlines()]
    found = [row for row in rows if row["alert"] == "BudgetNearEnd"]
    assert [(row["labels"], row["state"]) for row in found] == [
        ("budget=search month", "firing"),
        ("budget=ada day", "OK"),
    ]
    assert 'relay_budget_used_ratio{budget="ada day"} 0.005604' in file.read_text()
    assert cli.run(["etl", "run", "--database-url", migrated_url]) == exit_codes.DONE
    check("--at", "today")
    assert check(*NOON, "-o", "ndjson", "--database-url", migrated_url)[1] == ours


def test_prometheus_is_the_source_if_its_url_is_given(check: Check, tmp_path: Path) -> None:
    text = """
groups:
  - name: own
    rules:
      - {alert: Always, expr: vector(3) > 1, for: 5m}
      - {alert: Near, expr: vector(3) >= 4}
      - {alert: Nothing, expr: relay_active_requests > 5}
      - {alert: Odd, expr: 'rate(up)'}
"""
    with prometheus_server(tmp_path / "prometheus") as url:
        code, out, _ = check(
            "--prometheus-url", url, "--rules", _file(tmp_path, "own.yml", text), "-o", "csv"
        )
        shipped = _alerts(check("--prometheus-url", url, "-o", "json")[1])
    rows = [line.split(",", 7) for line in out.splitlines()[1:]]
    assert code == exit_codes.FOUND
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        ("Always", "firing", "3", "> 1"),
        ("Near", "OK", "3", ">= 4"),
        ("Nothing", "OK", "", "> 5"),
        ("Odd", "unknown", "", ""),
    ]
    assert [row[7] for row in rows][2] == "no data"
    assert "Prometheus refuses the expression: " in rows[3][7]
    assert shipped["ProxyDown"]["state"] == "firing"
    assert shipped["ProxyDown"]["labels"] == {
        "alertname": "ProxyDown",
        "job": "relay",
        "severity": "critical",
    }


def test_alert_from_two_hosts_is_one_alert_in_alertmanager(check: Check, tmp_path: Path) -> None:
    with alertmanager_server(tmp_path / "alertmanager") as url:
        code, _, err = check(*NOON, "--alertmanager", url)
        assert (code, err) == (exit_codes.FOUND, "alerts sent to Alertmanager: 2\n")
        # Another host evaluated a little earlier and sends later.
        check("--at", "2026-11-01T11:59:53Z", "--alertmanager", url)
        found = get(f"{url}/api/v2/alerts")
        code, _, err = check("--prometheus-url", url)
        assert code == exit_codes.FAILED
        assert f"Prometheus at {url} answered with status 404: check --prometheus-url" in err
    assert sorted(alert["labels"]["alertname"] for alert in found) == [
        "AvailabilityBudgetBurnFast",
        "UpstreamErrors",
    ]
    (errors,) = [alert for alert in found if alert["labels"]["alertname"] == "UpstreamErrors"]
    assert errors["labels"] == {"alertname": "UpstreamErrors", "severity": "critical"}
    assert errors["annotations"]["description"] == "1 requests a second end with 502."
    assert errors["startsAt"].startswith("2026-11-01T11:45:3")


def test_unreachable_alertmanager_is_reported_after_the_output(check: Check) -> None:
    code, out, err = check(*NOON, "--alertmanager", "http://127.0.0.1:1")
    assert code == exit_codes.FAILED
    assert "UpstreamErrors" in out
    assert "Alertmanager at http://127.0.0.1:1 cannot be reached" in err
