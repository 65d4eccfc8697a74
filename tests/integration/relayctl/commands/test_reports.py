"""The commands with a real database: loading, status, reports, errors."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from etl.database.connection import connect
from relayctl import cli, exit_codes
from tests.support.report_data import changed, record, write_segment

PERIOD = ("--since", "2026-10-01", "--until", "2026-11-01")
DOWN = "postgresql://relay:hunter2@127.0.0.1:1/relay"


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RELAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("RELAY_LOG_DIR", str(tmp_path))
    return tmp_path


def test_both_sources_agree_on_what_the_etl_loaded(
    migrated_url: str, logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(logs, [record(number, user_id=f"user {number % 3}") for number in range(1, 50)])
    monkeypatch.setenv("RELAY_DATABASE_URL", migrated_url)
    assert cli.run(["etl", "run"]) == exit_codes.DONE
    assert "1 segment loaded: 49 records, 0 duplicates, 0 rejects" in capsys.readouterr().err
    for command in (["usage", "--group-by", "user"], ["leaderboard", "--metric", "cost"]):
        assert cli.run([*command, *PERIOD, "-o", "ndjson"]) == exit_codes.DONE
        ours = capsys.readouterr().out
        assert cli.run([*command, *PERIOD, "-o", "ndjson", "--source", "logs"]) == exit_codes.DONE
        assert ours == capsys.readouterr().out != ""


def test_status_reports_a_problem_after_a_reject(
    migrated_url: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = ["--database-url", migrated_url]
    write_segment(logs, [record(1)])
    assert cli.run(["etl", "status", "-o", "json", *database]) == exit_codes.DONE
    status = msgspec.json.decode(capsys.readouterr().out)
    assert (status["schema"], status["waiting"], status["gaps"]) == ("relay.etl-status/v1", 1, [])
    write_segment(logs, [record(2), changed("}", seq=20_002, status=0)], number=2)
    assert cli.run(["etl", "run", *database]) == exit_codes.DONE
    capsys.readouterr()
    assert cli.run(["etl", "status", *database]) == exit_codes.FOUND
    assert "1 line rejected: see relayctl etl rejects" in capsys.readouterr().out
    assert cli.run(["etl", "rejects", "-o", "csv", *database]) == exit_codes.DONE
    assert "usage-20261001T000000Z-w1-000002.jsonl,3," in capsys.readouterr().out


@pytest.mark.parametrize(("user", "shown"), [("nobody", "nobody"), ("\x1b[2Jgone\n", r"\x1b[2Jgone\n")])
def test_unknown_user_gives_an_empty_table_and_a_note(
    migrated_url: str, logs: Path, capsys: pytest.CaptureFixture[str], user: str, shown: str
) -> None:
    assert cli.run(["usage", *PERIOD, "--user", user, "--database-url", migrated_url]) == exit_codes.DONE
    said = capsys.readouterr()
    assert "total" in said.out
    assert said.err == f"note: no request in this range has user {shown}\n"


def test_migrate_creates_the_tables_that_refresh_needs(
    database_url: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = ["--database-url", database_url]
    for command in (["usage", *PERIOD], ["etl", "refresh"], ["etl", "status"], ["etl", "rejects"]):
        assert cli.run([*command, *database]) == exit_codes.FAILED
        assert "run `relayctl etl migrate`" in capsys.readouterr().err
    assert cli.run(["etl", "migrate", *database]) == exit_codes.DONE
    assert "applied 0001_usage" in capsys.readouterr().err
    assert cli.run(["etl", "migrate", *database]) == exit_codes.DONE
    assert capsys.readouterr().err == "nothing to apply\n"
    assert cli.run(["etl", "refresh", *database]) == exit_codes.DONE


@pytest.mark.parametrize(
    "command", [["usage"], ["leaderboard"], ["etl", "run"], ["etl", "status"], ["etl", "migrate"]]
)
def test_database_error_does_not_show_the_password(
    command: list[str], logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*command, "--database-url", DOWN]) == exit_codes.FAILED
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("relayctl: PostgreSQL at 127.0.0.1:1/relay cannot be reached")
    assert len(said.err.splitlines()) == 1
    assert "hunter2" not in said.err


def test_report_over_a_pruned_period_has_a_note(
    migrated_url: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(logs, [record(number) for number in range(1, 5)])
    database = ["--database-url", migrated_url]
    assert cli.run(["etl", "run", *database]) == exit_codes.DONE
    with connect(migrated_url) as connection:
        connection.execute("UPDATE etl_state SET pruned_before = '2026-10-01T02:00:00Z'")
    capsys.readouterr()
    for since, is_noted in (
        ("2026-10-01T00:00:00Z", False),  # whole hours: the rollup has them
        ("2026-10-01T00:30:00Z", True),
        ("2026-10-01T02:30:00Z", False),  # nothing of it is pruned
    ):
        period = ["--since", since, "--until", "2026-10-02"]
        assert cli.run(["usage", "--granularity", "total", *period, *database]) == exit_codes.DONE
        assert ("records before 2026-10-01 02:00:00Z may be pruned" in capsys.readouterr().err) is is_noted
