"""`relayctl sql`: results, the sandbox, errors, periods."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from relayctl import cli, exit_codes
from relayctl.render.data import to_csv, to_json
from relayctl.render.sql import sql_sheet
from relayctl.sources import sql_database
from relayctl.sources.logs import LogSource
from relayctl.sources.sql_database import Database, Result, SqlError
from tests.support.archive_data import ALWAYS
from tests.support.report_data import FIRST, record, write_segment

CONTRACT = """\
SELECT day, team_id, SUM(cost_usd) AS total_cost, SUM(total_tokens) AS total_tokens
FROM usage_daily WHERE day >= NOW() - INTERVAL '30 days'
GROUP BY day, team_id ORDER BY day DESC, total_cost DESC;
"""


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir()
    write_segment(directory, [record(n, user_id=f"user {n}") for n in range(1, 4)])
    monkeypatch.setenv("RELAY_LOG_DIR", str(directory))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RELAY_ARCHIVE", raising=False)
    return directory


@pytest.fixture
def database(logs: Path) -> Iterator[Database]:
    with sql_database.opened(LogSource(directory=logs, now=lambda: FIRST), ALWAYS) as opened:
        yield opened


def ask(database: Database, text: str) -> Result:
    (statement,) = database.statements(text)
    found = database.run(statement)
    assert found is not None
    return found


def test_example_of_the_contract_runs_unchanged(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    write_segment(logs, [record(9, created_at=now, cost_usd=Decimal("0.000000000001"))], number=2)
    assert cli.run(["sql", CONTRACT, "-o", "csv"]) == exit_codes.DONE
    assert capsys.readouterr().out == (
        f"day,team_id,total_cost,total_tokens\r\n{now.date()},search,0.000000000001,99\r\n"
    )


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("csv", "usd\r\n0.000025\r\n"),
        ("ndjson", '{"usd":0.000025}\n'),
        (
            "json",
            '{"schema":"relay.sql/v1","columns":["usd"],"rows":[{"usd":0.000025}]}\n',
        ),
        ("table", "     usd\n────────\n0.000025\n"),
        ("md", "| usd |\n| ---: |\n| 0.000025 |\n"),
    ],
)
def test_result_in_every_format(
    logs: Path, output: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statement = "SELECT cost_usd AS usd FROM usage_records WHERE total_tokens = 22"
    assert cli.run(["sql", statement, "-o", output]) == exit_codes.DONE
    assert capsys.readouterr().out == expected


HOSTILE = [
    "COPY usage_records TO '{outside}'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{outside}'",
    "ATTACH '{outside}' AS other",
    "ATTACH ':memory:' AS other",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('{segment}')",
    "SELECT * FROM read_parquet('{outside}')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM query('SELECT * FROM read_csv(''/etc/passwd'')')",
    "SELECT * FROM 'http://127.0.0.1:1/x.csv'",
    "SELECT * FROM logs",  # a variable of this very function
    "SELECT getenv('HOME')",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{outside}'",
    "UPDATE EXTENSIONS",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET lock_configuration = false",
    "SET GLOBAL temp_directory = '{outside}'",
    "PRAGMA enable_profiling = 'json'",
    "PRAGMA profiling_output = '{outside}'",
    "CALL enable_logging(storage = 'file', storage_path = '{outside}')",
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
    "CREATE TABLE mine AS SELECT 1",
    "INSERT INTO records (file) VALUES (1)",
    "UPDATE records SET cost_usd = 0",
    "DELETE FROM records",
    "DROP VIEW usage_daily",
    "CREATE OR REPLACE VIEW usage_daily AS SELECT 1",
]


@pytest.mark.parametrize("statement", HOSTILE)
def test_files_and_settings_cannot_be_accessed(
    statement: str, database: Database, tmp_path: Path, logs: Path
) -> None:
    outside = tmp_path / "outside"
    segment = next(logs.iterdir())
    before = segment.read_bytes()
    with pytest.raises(SqlError):
        ask(database, statement.format(outside=outside, segment=segment))
    assert not outside.exists()
    assert segment.read_bytes() == before
    assert ask(database, "SELECT count(*) FROM usage_records") == Result(
        columns=["count_star()"], types=["BIGINT"], rows=[(3,)]
    )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("explode 1", 'relayctl: Parser Error: syntax error at or near "explode"\n'),
        ("SELECT 'a'::INTEGER", "relayctl: Conversion Error: Could not convert string 'a' to INT32\n"),
        ("SELECT '0044-03-15 (BC)'::DATE", "relayctl: a value in the result has no form to be shown in"),
    ],
)
def test_sql_error_is_one_sentence(
    logs: Path, statement: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["sql", statement]) == exit_codes.FAILED
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert len(error.splitlines()) == 1


def test_statements_are_read_from_stdin(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("SELECT 1 AS a;\nCREATE TEMP TABLE t AS SELECT 2 AS b;\nFROM t;")
    )
    assert cli.run(["sql", "-o", "csv"]) == exit_codes.DONE
    assert capsys.readouterr().out == "a\r\n1\r\nb\r\n2\r\n"


def test_only_the_period_is_loaded_and_bad_lines_are_noted(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(logs, [record(30), b"no record\n"], number=2)
    assert cli.run(["sql", "SELECT count(*) AS n FROM usage_records", "-o", "csv"]) == exit_codes.DONE
    said = capsys.readouterr()
    assert said.out == "n\r\n4\r\n"
    assert said.err.startswith("note: 1 line not counted as a record")
    since = ["--since", "2026-10-02"]
    assert cli.run(["sql", *since, "SELECT count(*) AS n FROM usage_records", "-o", "csv"]) == exit_codes.DONE
    assert capsys.readouterr().out == "n\r\n1\r\n"


def test_values_are_not_rounded(database: Database) -> None:
    found = ask(
        database,
        "SELECT 1 AS a, 2 AS a, 3 AS a_2, 170141183460469231731687303715884105727::HUGEINT AS h, true AS t, "
        "NULL AS n, [1.50::DECIMAL(3, 2)] AS l, {'x': '='} AS s, "
        "TIMESTAMPTZ '2026-11-01 00:00:00.5+00' AS z, "
        "'nan'::DOUBLE AS f, '\\x00'::BLOB AS b",
    )
    assert to_json(sql_sheet(found)).decode().partition('"rows":')[2] == (
        '[{"a":1,"a_2":2,"a_2_2":3,"h":170141183460469231731687303715884105727,"t":true,"n":null,"l":[1.5],'
        '"s":{"x":"="},"z":"2026-11-01T00:00:00.500000Z","f":null,"b":"00"}]}\n'
    )
    assert to_csv(sql_sheet(found)).decode().splitlines()[1] == (
        '1,2,3,170141183460469231731687303715884105727,true,,[1.5],"{""x"":""=""}",'
        "2026-11-01T00:00:00.500000Z,nan,00"
    )


def test_nulls_are_sorted_as_in_postgresql(database: Database) -> None:
    text = "SELECT * FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x {}"
    for order, expected in (("", [1, 2, None]), ("DESC", [None, 2, 1])):
        found = ask(database, text.format(order))
        assert [row[0] for row in found.rows] == expected


def test_json_without_rows_has_columns(database: Database) -> None:
    found = ask(database, "SELECT day FROM usage_daily WHERE day < '1970-01-01'")
    assert msgspec.json.decode(to_json(sql_sheet(found))) == {
        "schema": "relay.sql/v1",
        "columns": ["day"],
        "rows": [],
    }


def test_sigterm_leaves_no_file_behind(logs: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = "from relayctl.cli import main; main()"
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            "sql",
            "SELECT 'loaded' AS n; SELECT count(*) FROM range(1000000000000)",
        ],
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        while b"loaded" not in process.stdout.readline():
            pass
        process.terminate()
        assert process.wait(10) != 0
    assert list(scratch.iterdir()) == []
