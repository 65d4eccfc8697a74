"""`relayctl langfuse` from outside: what it prints, what it says, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from etl.load.run import run
from relayctl import cli
from relayctl import exit_codes as exits
from tests.support.langfuse.export import expected, held, spread, write
from tests.support.langfuse.server import langfuse_server
from tests.support.langfuse.state import Behaviour, Fault, Server

Call = Callable[..., tuple[int, str, str]]
RECORDS = spread(30)


@pytest.fixture
def server() -> Iterator[Server]:
    """A stand-in that stores at once."""
    with langfuse_server() as server:
        yield server


@pytest.fixture
def call(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs `relayctl langfuse …` on a directory of segments; gives its exit code, stdout and stderr."""
    write(tmp_path / "logs", RECORDS)
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RELAY_LOG_DIR", str(tmp_path / "logs"))
    monkeypatch.delenv("RELAY_DATABASE_URL", raising=False)

    def call(command: str, *options: str) -> tuple[int, str, str]:
        ledger = str(tmp_path / "ledger.sqlite")
        code = cli.run(["langfuse", command, "--ledger", ledger, "--lag", "1s", *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def document(text: str) -> Any:
    return msgspec.json.decode(text)


def test_a_backfill_of_a_period_sends_that_period_once(call: Call, server: Server) -> None:
    since, until = "2026-11-01T09:40:00Z", "2026-11-01T09:50:00Z"
    period = ("--since", since, "--until", until)
    assert call("backfill", *period, "--dry-run") == (exits.DONE, "10 requests would be sent\n", "")
    assert server.posts == 0
    assert call("backfill", *period) == (exits.DONE, "", "10 requests sent to Langfuse\n")
    assert call("backfill", *period)[2] == "0 requests sent to Langfuse\n"
    assert held(server.summary()) == expected(RECORDS[9:19])
    assert call("backfill")[2] == "20 requests sent to Langfuse\n"
    assert held(server.summary()) == expected(RECORDS)


def test_status_and_verify_say_how_it_stands(call: Call) -> None:
    found = document(call("status", "-o", "json")[1])
    assert (found["sent"], found["waiting"], found["verified_until"]) == (0, 30, None)
    code, out, _ = call("verify", "-o", "json")
    assert code == exits.FOUND
    assert {row["unsent"] for row in document(out)["rows"]} == {15}
    call("backfill")
    code, out, _ = call("verify", "-o", "json")
    assert code == exits.DONE
    assert [row["verdict"] for row in document(out)["rows"]] == ["same", "same"]
    found = document(call("status", "-o", "json")[1])
    assert (found["sent"], found["verified"], found["waiting"], found["rejected"]) == (30, 30, 0, 0)
    assert found["verified_until"] == "2026-11-01T10:00:00.001000Z"


def test_what_was_never_stored_is_named_and_sent_again(call: Call, server: Server) -> None:
    call("backfill")
    lost = server.rows.pop()
    code, out, _ = call("verify", "-o", "json")
    assert code == exits.FOUND
    (name,) = document(out)["lost_request_ids"]
    assert lost.metadata["request_id"] == name
    code, out, _ = call("verify", "--repair")
    assert code == exits.DONE
    assert f"1 request taken and never stored: {name}" in out
    assert held(server.summary()) == expected(RECORDS)


def test_what_is_there_twice_is_named(call: Call, server: Server) -> None:
    call("backfill")
    server.rows.append(server.rows[3])
    code, out, _ = call("verify", "--repair", "-o", "json")
    assert code == exits.FOUND
    assert document(out)["doubled_request_ids"] == [server.rows[3].metadata["request_id"]]


def test_wrong_keys_are_one_sentence_and_nothing_is_marked(
    call: Call, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-of-another")
    for command in ("backfill", "status", "verify", "follow"):
        code, out, err = call(command)
        assert (code, out) == (exits.FAILED, "")
        assert err == (
            f"relayctl: Langfuse at {server.url} refuses the keys (401): check LANGFUSE_PUBLIC_KEY, "
            "LANGFUSE_SECRET_KEY and LANGFUSE_HOST\n"
        )
    monkeypatch.delenv("LANGFUSE_SECRET_KEY")
    assert call("backfill")[2].startswith("relayctl: LANGFUSE_SECRET_KEY not set: ")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", server.environ["LANGFUSE_SECRET_KEY"])
    assert call("backfill")[2] == "30 requests sent to Langfuse\n"


def test_a_server_with_the_old_api_only_is_refused(call: Call, server: Server) -> None:
    server.behaviour.old = True
    code, _, err = call("backfill")
    assert code == exits.FAILED
    assert err.startswith(f"relayctl: Langfuse at {server.url} (version 2.95.0) has only the old ingestion")
    assert err.count("\n") == 1


def test_a_bad_environment_is_wrong_usage(call: Call) -> None:
    code, _, err = call("backfill", "--environment", "langfuse-prod")
    assert code == exits.USAGE
    assert "is not valid in Langfuse" in err


def test_rejects_are_told_by_status(call: Call, server: Server, tmp_path: Path) -> None:
    (tmp_path / "logs").joinpath("more").mkdir()
    write(tmp_path / "logs" / "more", spread(1, user_id="poison"))
    assert call("backfill", "--logs", str(tmp_path / "logs" / "more"))[2].endswith("1 request rejected\n")
    code, out, _ = call("status", "-o", "json")
    assert code == exits.FOUND
    (reject,) = document(out)["rejects"]
    assert reject["reason"].startswith("Langfuse answered 400: Invalid spans")


def test_the_loaded_records_are_sent_and_verified_from_postgresql(
    call: Call, server: Server, tmp_path: Path, migrated_url: str, database: psycopg.Connection
) -> None:
    run(migrated_url, tmp_path / "logs")
    url = ("--database-url", migrated_url)
    assert call("backfill", *url, "--environment", "staging")[2] == "30 requests sent to Langfuse\n"
    assert call("backfill", *url)[2] == "0 requests sent to Langfuse\n"
    assert held(server.summary()) == expected(RECORDS)
    assert {row.environment for row in server.rows} == {"staging"}
    assert call("verify", *url)[0] == exits.DONE
    database.execute("UPDATE usage_records SET cost_usd = cost_usd + 0.000000000001 WHERE cost_usd > 0")
    assert call("verify", *url)[0] == exits.FOUND


def test_ctrl_c_stops_between_requests_and_the_next_run_goes_on(tmp_path: Path) -> None:
    records = spread(1500)
    write(tmp_path / "logs", records)
    with langfuse_server(Behaviour(likely={Fault.SLOW: 1.0}, slow_posts=1.0)) as server:
        relayctl = Path(sys.executable).with_name("relayctl")
        options = ["--logs", str(tmp_path / "logs"), "--ledger", str(tmp_path / "ledger"), "--lag", "1s"]
        process = subprocess.Popen(
            [relayctl, "langfuse", "backfill", *options], env=os.environ | server.environ
        )
        while not server.posts:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait() == exits.INTERRUPTED
        # The request that was under way is known to be there, and nothing else was sent.
        assert server.summary()["rows"] == 500
        server.behaviour.likely = {}
        subprocess.run(
            [relayctl, "langfuse", "backfill", *options],
            env=os.environ | server.environ,
            check=True,
            capture_output=True,
        )
        assert held(server.summary()) == expected(records)
