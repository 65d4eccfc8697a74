"""`python -m tests.faults.etl` kills loaders at random times; the result must equal an uninterrupted run.

Writes bench/results/etl_faults.json. Takes a few minutes; the ordinary tests contain a short form.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.rows import class_row

from etl.database.connection import connect
from relayctl.demo.postgres import embedded_postgres
from tests.support.databases import migrated_database
from tests.support.etl.segments import Intent, Item, SegmentWriter, record

RESULT = Path(__file__).parents[2] / "bench" / "results" / "etl_faults.json"
RELAYCTL = Path(sys.executable).with_name("relayctl")

# Every table, without the columns that contain the time of writing.
TABLES = {
    "usage_records": "SELECT * FROM usage_records",
    "usage_hourly": "SELECT * FROM usage_hourly",
    "usage_daily": "SELECT * FROM usage_daily",
    "etl_rejects": "SELECT * FROM etl_rejects",
    "etl_intents": "SELECT * FROM etl_intents",
    "etl_segments": """
        SELECT name, sha256, previous, first_seq, last_seq, missing_lines, lines, intents, rejected, loaded,
               duplicate, recovered, seal_problem, first_hour, last_hour
        FROM etl_segments
    """,
}
# With several loaders the order of segments varies, and so does which of two lines is the duplicate.
ORDERLY = ("usage_records", "usage_hourly", "usage_daily", "etl_intents")
COUNTS = """
    SELECT (SELECT count(*) FROM usage_records) AS records,
           (SELECT coalesce(sum(requests), 0) FROM usage_hourly) AS requests,
           (SELECT coalesce(sum(loaded), 0) FROM etl_segments) AS loaded,
           (SELECT count(*) FROM etl_rejects) AS rejects,
           (SELECT coalesce(sum(rejected), 0) FROM etl_segments) AS rejected
"""
LOADERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is loaded and how often loaders are killed."""

    seed: int
    segments: int
    records: int
    kills: int
    rounds: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Rows in the tables, and the sums that must equal them."""

    records: int
    requests: int
    loaded: int
    rejects: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a table, and a digest of all of them."""

    rows: int
    md5: str


def write_segments(directory: Path, plan: Plan) -> None:
    """Segments of one writer, with intents, junk and repeated records among them."""
    writer = SegmentWriter(directory)
    for start in range(0, plan.segments * plan.records, plan.records):
        items: list[Item] = [record(number) for number in range(start, start + plan.records)]
        items[::97] = [Intent(record=record(start)) for _ in items[::97]]
        items += [b"junk\n"] * (start % 3 == 0)
        items += [record(start + 1)] * (start % 5 == 0)
        writer.segment(*items)


def start(url: str, directory: Path) -> subprocess.Popen[bytes]:
    """A loader process as an operator starts it."""
    return subprocess.Popen(
        [RELAYCTL, "etl", "run", "--database-url", url, "--logs", directory],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RELAY_DATABASE_URL": url},
    )


def number(connection: psycopg.Connection, statement: str) -> int:
    """The single number that a statement returns."""
    row = connection.execute(statement).fetchone()
    assert row
    return int(row[0])


def wait_until(connection: psycopg.Connection, loaders: int, process: subprocess.Popen[bytes] | None) -> None:
    """Waits until this number of loaders is connected, or the process has ended."""
    while number(connection, LOADERS) != loaders and (process is None or process.poll() is None):
        time.sleep(0.002)


def state(connection: psycopg.Connection) -> dict[str, Table]:
    """Row count and digest of every table."""
    found = {}
    for name, statement in TABLES.items():
        digest = "coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
        ((rows, md5),) = connection.execute(f"SELECT count(*), {digest} FROM ({statement}) t").fetchall()
        found[name] = Table(rows=rows, md5=md5)
    return found


def assert_consistent(connection: psycopg.Connection) -> None:
    """Asserts that the tables contain exactly what the ledger says is loaded."""
    row = connection.cursor(row_factory=class_row(Counts)).execute(COUNTS).fetchone()
    assert row
    assert row.records == row.requests == row.loaded, row
    assert row.rejects == row.rejected, row


def finish(connection: psycopg.Connection, url: str, directory: Path) -> None:
    """Runs a loader to its end, after PostgreSQL has noticed the end of the killed ones."""
    wait_until(connection, 0, None)
    assert start(url, directory).wait() == 0


def never_killed(postgres: str, directory: Path) -> tuple[dict[str, Table], float]:
    """The state after one uninterrupted run, and its duration in seconds."""
    with migrated_database(postgres) as url, connect(url) as connection:
        process = start(url, directory)
        wait_until(connection, 1, process)
        started = time.monotonic()
        assert process.wait() == 0
        return state(connection), time.monotonic() - started


def killed_often(
    postgres: str, directory: Path, plan: Plan, seconds: float
) -> tuple[dict[str, Table], list[int]]:
    """Kills loaders one after another during a load; returns the state and the segments at each kill."""
    moments, loaded = random.Random(plan.seed), list[int]()
    with migrated_database(postgres) as url, connect(url) as connection:
        while len(loaded) < plan.kills:
            process = start(url, directory)
            wait_until(connection, 1, process)
            # Relative to the remaining segments, so that the load does not end before the last kill.
            left = seconds * (plan.segments - max(loaded, default=0)) / plan.segments
            time.sleep(moments.uniform(0, 0.8 * left / (plan.kills - len(loaded))))
            assert process.poll() is None, "everything was loaded before the last kill: use more records"
            process.send_signal(signal.SIGKILL)
            process.wait()
            wait_until(connection, 0, None)
            assert_consistent(connection)
            loaded.append(number(connection, "SELECT count(*) FROM etl_segments"))
        finish(connection, url, directory)
        return state(connection), loaded


def several_killed(
    postgres: str, directory: Path, plan: Plan, seconds: float
) -> tuple[dict[str, Table], int]:
    """Repeatedly runs four loaders and kills or ends them; returns the state and how many were killed."""
    moments, killed = random.Random(plan.seed + 1), 0
    with migrated_database(postgres) as url, connect(url) as connection:
        for _ in range(plan.rounds):
            loaders = [start(url, directory) for _ in range(4)]
            wait_until(connection, 4, loaders[0])
            for process in loaders[:3]:
                time.sleep(moments.uniform(0, seconds / plan.rounds / 4))
                killed += process.poll() is None
                process.kill()
            # The last one continues for a while with the segments of the killed ones.
            time.sleep(moments.uniform(0, seconds / plan.rounds / 4))
            loaders[3].terminate()
            for process in loaders:
                process.wait()
            wait_until(connection, 0, None)
            assert_consistent(connection)
        finish(connection, url, directory)
        return state(connection), killed


@contextmanager
def prepared(plan: Plan) -> Iterator[tuple[str, Path]]:
    """A server and a directory of segments."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        write_segments(directory, plan)
        yield stack.enter_context(embedded_postgres()), directory


def run_plan(plan: Plan) -> dict[str, object]:
    """Runs all parts and returns the result to store. Raises `AssertionError` when states differ."""
    started = time.monotonic()
    with prepared(plan) as (postgres, directory):
        with connect(postgres) as connection:
            server = connection.info.server_version // 10000
        expected, seconds = never_killed(postgres, directory)
        often, loaded = killed_often(postgres, directory, plan, seconds)
        assert often == expected, (often, expected)
        several, killed = several_killed(postgres, directory, plan, seconds)
        for name in ORDERLY:
            assert several[name] == expected[name], (name, several[name], expected[name])
    return {
        "command": "make faults",
        **asdict(plan),
        "postgresql": server,
        "seconds_never_killed": round(seconds, 1),
        "segments_loaded_at_each_kill": loaded,
        "killed_of_several_at_once": killed,
        "tables_equal_to_those_never_killed": {name: asdict(table) for name, table in expected.items()},
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Runs with a given seed or a new one, which the result contains."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--segments", type=int, default=200)
    options.add_argument("--records", type=int, default=2000, help="of each segment")
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--rounds", type=int, default=5, help="of four loaders at once")
    plan = Plan(**vars(options.parse_args()))
    sys.stdout.write(f"seed {plan.seed}\n")
    sys.stdout.flush()
    result = run_plan(plan)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"nothing lost, nothing twice, after {plan.kills} kills: see {RESULT}\n")


if __name__ == "__main__":
    main()
