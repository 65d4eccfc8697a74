"""The ETL's commands: output, messages, exit codes."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from relayctl import cli, exit_codes
from tests.integration.etl.load.test_retry import odd, refusing
from tests.support.etl.segments import SegmentWriter, record, records
from tests.support.running import samples

Etl = Callable[..., tuple[int, str, str]]


@pytest.fixture
def etl(
    migrated_url: str, logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Etl:
    """Runs `relayctl etl …` and returns its exit code, stdout and stderr."""
    monkeypatch.setenv("RELAY_DATABASE_URL", migrated_url)
    monkeypatch.setenv("RELAY_LOG_DIR", str(logs))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["etl", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def document(output: str) -> Any:
    return msgspec.json.decode(output)


def value(text: str, name: str, **labels: str) -> float:
    ((_, found),) = samples(text, name, labels)
    return float(found)


def test_rejects_are_shown_in_every_format(etl: Etl, writer: SegmentWriter) -> None:
    path = writer.segment(record(1), b"junk\n")
    assert etl("run")[0] == exit_codes.DONE
    offset = path.read_bytes().index(b"junk")
    rows = document(etl("rejects", "-o", "json")[1])["rejects"]
    reason = "JSON is malformed: invalid character (byte 0)"
    assert rows == [
        {"segment": path.name, "line_number": 3, "byte_offset": offset, "reason": reason, "line": "junk"}
    ]
    assert [document(line) for line in etl("rejects", "-o", "ndjson")[1].splitlines()] == rows
    (row,) = csv.DictReader(io.StringIO(etl("rejects", "-o", "csv")[1]))
    assert row == {name: str(cell) for name, cell in rows[0].items()}
    for output in ("table", "md"):
        shown = etl("rejects", "-o", output)[1]
        assert "malformed" in shown
        assert "junk" in shown


def test_rejects_retry_reports_accepted_and_shows_remaining(etl: Etl, writer: SegmentWriter) -> None:
    writer.segment(*records(4), b"junk\n")
    with refusing(odd):
        etl("run")
    code, out, err = etl("rejects", "--retry", "-o", "json")
    assert (code, err) == (exit_codes.DONE, "2 rejects accepted: 2 records, 0 duplicates, 0 other lines\n")
    assert [row["line"] for row in document(out)["rejects"]] == ["junk"]
    assert etl("rejects", "--retry")[2].startswith("0 rejects accepted")


def test_rejects_retry_without_the_segment_is_one_sentence(etl: Etl, writer: SegmentWriter) -> None:
    path = writer.segment(b"junk\n")
    etl("run")
    path.unlink()
    code, out, err = etl("rejects", "--retry", "-o", "ndjson")
    assert (code, len(out.splitlines())) == (exit_codes.FAILED, 1)
    sentence = f"segment {path} cannot be read: No such file or directory"
    assert err.splitlines()[1:] == [f"relayctl: not all rejects could be retried: {sentence}"]


def test_run_with_an_unreadable_segment_fails_with_its_reason(etl: Etl, writer: SegmentWriter) -> None:
    broken = writer.segment(record(1))
    broken.unlink()
    broken.mkdir()
    writer.segment(record(2))
    code, _, err = etl("run")
    assert code == exit_codes.FAILED
    assert err.splitlines() == [
        "1 segment loaded: 1 record, 0 duplicates, 0 rejects",
        f"relayctl: 1 segment could not be loaded: segment {broken} cannot be read: Is a directory",
    ]


def test_metrics_are_totals_from_the_database(etl: Etl, writer: SegmentWriter, tmp_path: Path) -> None:
    file = tmp_path / "relay.prom"
    writer.segment(*records(4), b"junk\n")
    with refusing(odd):
        etl("run")
    writer.skip(lines=7)
    writer.segment(record(2), record(50))
    before = datetime.now(UTC).timestamp()
    assert etl("run", "--metrics-file", str(file))[0] == exit_codes.DONE
    text = file.read_text()
    counted = {
        result: value(text, "relay_etl_records_total", result=result)
        for result in ("loaded", "duplicate", "rejected")
    }
    assert counted == {"loaded": 3, "duplicate": 1, "rejected": 3}
    assert value(text, "relay_etl_missing_lines_total") == 7
    assert value(text, "relay_etl_lag_seconds") == 0
    assert value(text, "relay_etl_last_success_timestamp_seconds") >= before
    assert "# TYPE relay_etl_records_total counter" in text
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == ["relay.prom"]

    # A counter never decreases: a line accepted later was rejected once.
    etl("rejects", "--retry")
    etl("run", "--metrics-file", str(file))
    assert value(file.read_text(), "relay_etl_records_total", result="loaded") == 5
    assert value(file.read_text(), "relay_etl_records_total", result="rejected") == 3


def test_lag_is_the_age_of_the_oldest_waiting_segment(
    etl: Etl, database: psycopg.Connection, writer: SegmentWriter, tmp_path: Path
) -> None:
    file = tmp_path / "relay.prom"
    broken = writer.segment(record(1))
    broken.unlink()
    broken.mkdir()
    os.utime(broken, (0, datetime.now(UTC).timestamp() - 500))
    assert etl("run", "--metrics-file", str(file))[0] == exit_codes.FAILED
    assert 500 <= value(file.read_text(), "relay_etl_lag_seconds") < 1000
    assert value(file.read_text(), "relay_etl_last_success_timestamp_seconds") == 0


def test_a_metrics_file_that_cannot_be_written_is_one_sentence(etl: Etl, logs: Path, tmp_path: Path) -> None:
    file = tmp_path / "none" / "relay.prom"
    code, _, err = etl("run", "--metrics-file", str(file))
    assert code == exit_codes.FAILED
    assert (
        err.splitlines()[-1] == f"relayctl: metrics file {file} cannot be written: No such file or directory"
    )


def test_status_notes_a_missing_log_directory(etl: Etl, tmp_path: Path) -> None:
    code, out, err = etl("status", "--logs", str(tmp_path / "none"))
    assert code == exit_codes.DONE
    assert "what waits is not known" in out
    place = tmp_path / "none"
    assert err == f"note: there is no log directory {place}: what is waiting is unknown; give --logs\n"
    assert document(etl("status", "--logs", str(tmp_path / "none"), "-o", "json")[1])["waiting"] is None


def test_status_exits_with_3_if_lines_are_missing(etl: Etl, writer: SegmentWriter) -> None:
    writer.segment(record(1))
    etl("run")
    assert etl("status")[0] == exit_codes.DONE
    writer.skip(lines=3)
    writer.segment(record(2))
    etl("run")
    code, out, _ = etl("status", "-o", "json")
    assert (code, document(out)["missing_lines"]) == (exit_codes.FOUND, 3)


def test_database_defaults_do_not_change_the_result(
    etl: Etl, writer: SegmentWriter, migrated_url: str
) -> None:
    odd = (
        "timezone TO 'Asia/Kathmandu'",
        "datestyle TO 'German'",
        "standard_conforming_strings TO off",
        "default_transaction_isolation TO 'serializable'",
    )
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        name = connection.info.dbname
        for setting in odd:
            connection.execute(f"ALTER DATABASE {name} SET {setting}")
    writer.segment(record(1), b"back\\slash\n")
    assert etl("run")[0] == exit_codes.DONE
    assert etl("refresh", "--check")[0] == exit_codes.DONE
    (reject,) = document(etl("rejects", "-o", "json")[1])["rejects"]
    assert reject["line"] == "back\\slash"
    as_of = datetime.fromisoformat(document(etl("status", "-o", "json")[1])["as_of"])
    assert abs(datetime.now(UTC) - as_of) < timedelta(minutes=5)


def test_refresh_check_shows_differences_and_exits_with_3(
    etl: Etl, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1))
    etl("run")
    assert etl("refresh", "--check")[:2] == (exit_codes.DONE, "The rollups are what the records make\n")
    database.execute("UPDATE usage_hourly_parts SET cost_usd = 0.0010000001")
    code, out, _ = etl("refresh", "--check", "-o", "json")
    assert code == exit_codes.FOUND
    assert out.endswith('"measure":"cost_usd","stored":0.0010000001,"recomputed":0.001}]}\n')
    assert "0.0010000001" in etl("refresh", "--check")[1]


def test_prune_shows_dropped_and_kept_months(
    etl: Etl, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(record(1, created_at=datetime(2024, 3, 4, tzinfo=UTC)))
    etl("run")
    code, out, err = etl("prune", "--keep", "13mo", "-o", "json")
    (month,) = document(out)["partitions"]
    assert (code, month["state"], month["unarchived"]) == (exit_codes.FOUND, "kept", 1)
    assert (
        err == "note: months are kept from the first that has unarchived segments: run relayctl etl archive\n"
    )
    database.execute("UPDATE etl_segments SET archived_at = now(), archive = '/archive'")
    assert "would be dropped" in etl("prune", "--keep", "400d", "--dry-run", "-o", "csv")[1]
    code, out, _ = etl("prune", "--keep", "60w", "-o", "json")
    (month,) = document(out)["partitions"]
    assert (code, month["state"], month["partition"]) == (exit_codes.DONE, "dropped", "usage_records_2024_03")
    assert month["until"] == "2024-04-01T00:00:00Z"
    assert document(etl("prune", "--keep", "13mo", "-o", "json")[1])["partitions"] == []


@pytest.mark.parametrize("keep", ["13", "0d", "mo", "-1d", "1.5mo", "99999d"])
def test_invalid_keep_time_is_refused(etl: Etl, keep: str) -> None:
    code, _, err = etl("prune", "--keep", keep)
    assert code == exit_codes.USAGE
    assert f"'{keep}' is not a retention time such as 13mo, 60w or 400d" in err
