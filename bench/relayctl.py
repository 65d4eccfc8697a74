"""Measures `relayctl` as its users meet it, whole processes, each beside its baseline in turn.

    python -m bench.relayctl [--records 5000000] [--rounds 5] [--only NAME]

The segments need 1.3 KB of disk per record, the database of `usage` 0.5 KB per record of `--rows`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from bench.etl_stage import Stage, query
from bench.figures import Figure, interleaved, machine, table, write
from bench.records import BEGIN, DAYS, records, write_segments
from etl import rollup
from etl.archive import archive
from etl.database import connect
from relayctl.demo.postgres import embedded_postgres

RESULT: Final = Path(__file__).with_name("results") / "relayctl.json"
_RELAYCTL: Final = (sys.executable, "-c", "from relayctl.cli import main; main()")
_BARE: Final = """
import glob, sys, duckdb
connection = duckdb.connect()
for row in connection.execute(open(sys.argv[1]).read(), {
    "files": sorted(glob.glob(sys.argv[2])), "since": sys.argv[3], "until": sys.argv[4],
}).fetchall():
    print(row)
"""


def whole_process(*command: str, **environment: str) -> tuple[float, float]:
    """Seconds from start to end, and the most memory it ever used, in MiB."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return seconds, used.ru_maxrss / 1024


def seconds(*command: str, **environment: str) -> Callable[[], float]:
    """A side to measure."""
    return lambda: whole_process(*command, **environment)[0]


class Bench:
    """The rows of the table, one method each."""

    def __init__(self, scratch: Path, options: argparse.Namespace) -> None:
        self.scratch = scratch
        self.options = options
        self.rounds: int = options.rounds
        self.period = ("--since", f"{BEGIN:%Y-%m-%d}", "--until", f"{BEGIN + timedelta(days=DAYS):%Y-%m-%d}")

    @cached_property
    def logs(self) -> Path:
        """The segments."""
        directory = self.scratch / "logs"
        write_segments(directory, records(self.options.records))
        return directory

    def report(self, *arguments: str) -> Callable[[], float]:
        """A report whose cache is this benchmark's own."""
        return seconds(*_RELAYCTL, *arguments, XDG_CACHE_HOME=str(self.scratch / "cache"))

    def bare(self) -> Callable[[], float]:
        """The query alone, as anybody would write it, in a process of its own."""
        place = Path(__file__).with_name("sql") / "top_users_from_segments.sql"
        return seconds(
            *(sys.executable, "-c", _BARE, str(place), f"{self.logs}/*.jsonl"),
            *(self.period[1], self.period[3]),
        )

    def help(self) -> list[Figure]:
        """The first thing anybody types."""
        found = interleaved(
            max(self.rounds, 21),
            help=seconds(*_RELAYCTL, "--help"),
            click=seconds(sys.executable, "-c", "import click"),
        )
        measured = f"{found['help'] * 1000:.0f} ms; import click {found['click'] * 1000:.0f} ms"
        ratio = found["help"] / found["click"]
        return [self.figure("relayctl --help / python -c 'import click'", measured, ratio, 1.6)]

    def usage(self) -> list[Figure]:
        """One user's week out of a full database."""
        options = argparse.Namespace(records=1_000_000, rounds=self.rounds, rows_there=1)
        with embedded_postgres() as server:
            stage = Stage(server, self.scratch, options)
            with stage.database() as url:
                stage.loaded(url, stage.segments)
                with connect(url) as connection:
                    for part in range(1, self.options.rows // options.records):
                        shifted = {"part": part, "begin": BEGIN, "days": DAYS}
                        connection.execute(query("more_records"), shifted)
                    connection.execute("TRUNCATE usage_hourly")
                    connection.execute(query("hours_of_records"))
                    rollup.refresh(connection)
                    connection.execute("VACUUM ANALYZE")
                asked = ("--user", "user-00007@example.com", "--source", "postgres", "--database-url", url)
                week = ("--since", "2026-09-07T09:30:00Z", "--until", "2026-09-14T09:30:00Z")
                found = interleaved(
                    max(self.rounds, 11),
                    usage=self.report("usage", *asked, *week),
                    imports=seconds(sys.executable, "-c", "import click, psycopg, rich"),
                )
        more = (found["usage"] - found["imports"]) * 1000
        measured = f"{found['usage'] * 1000:.0f} ms; the imports {found['imports'] * 1000:.0f} ms"
        name = f"usage --user over 7 days of {self.options.rows:,} records, ms above the imports"
        return [self.figure(name, measured, more, 250)]

    def leaderboard(self) -> list[Figure]:
        """Segments: the bare query, the first report, which proves every segment, and those after it."""
        asked = ("leaderboard", "--logs", str(self.logs), "--source", "logs", *self.period)
        new = self.scratch / "new"
        number = iter(range(1_000_000))

        def first() -> float:
            return seconds(*_RELAYCTL, *asked, XDG_CACHE_HOME=f"{new}{next(number)}")()

        self.report(*asked)()
        found = interleaved(self.rounds, again=self.report(*asked), bare=self.bare(), first=first)
        shown = {name: f"{value:.2f} s" for name, value in found.items()}
        several = f"{self.options.records:,} records of JSONL"
        figures = [
            self.figure(
                f"leaderboard over {several} / the bare query",
                f"{shown['again']}; bare {shown['bare']}",
                found["again"] / found["bare"],
                1.15,
            ),
            self.figure(
                f"the first leaderboard over {several}, with the proof of every segment / the bare query",
                f"{shown['first']}; bare {shown['bare']}",
                found["first"] / found["bare"],
                1.15,
            ),
        ]
        return figures + self._archived(found["again"], found["bare"])

    def _archived(self, jsonl: float, bare: float) -> list[Figure]:
        to, empty = self.scratch / "archive", self.scratch / "empty"
        empty.mkdir()
        archive(self.logs, str(to))
        asked = ("leaderboard", "--logs", str(empty), "--archive", str(to), "--source", "logs", *self.period)
        found = interleaved(self.rounds, parquet=self.report(*asked))["parquet"]
        measured = f"{jsonl:.2f} s; Parquet {found:.2f} s; the bare query over JSONL {bare:.2f} s"
        name = f"leaderboard over {self.options.records:,} records, JSONL's time / Parquet's"
        return [self.figure(name, measured, jsonl / found, 40, at_least=True)]

    def memory(self) -> list[Figure]:
        """The most that a report ever used: with sums alone, and with each record, for percentiles."""
        name = f"peak memory over {self.options.records:,} records of JSONL (MiB)"
        figures = []
        for what, more in (("leaderboard", ()), ("report", ("--out", str(self.scratch / "page.html")))):
            asked = (what, "--logs", str(self.logs), "--source", "logs", *self.period, *more)
            used = whole_process(*_RELAYCTL, *asked, XDG_CACHE_HOME=str(self.scratch / "cache"))[1]
            figures.append(self.figure(f"{what}: {name}", f"{used:.0f} MiB", used, 600, rounds=1))
        return figures

    def figure(
        self,
        name: str,
        measured: str,
        ratio: float,
        goal: float,
        *,
        at_least: bool = False,
        rounds: int | None = None,
    ) -> Figure:
        """One row of the table."""
        return Figure(
            name=name,
            measured=measured,
            ratio=ratio,
            goal=goal,
            at_least=at_least,
            rounds=rounds or self.rounds,
        )


ROWS: Final = ("help", "usage", "leaderboard", "memory")


def main() -> None:
    """Measures, prints the table, writes the result."""
    parser = argparse.ArgumentParser(description="Measures relayctl beside its baselines.")
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--rows", type=int, default=10_000_000, help="records in the database of `usage`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=ROWS, action="append")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as scratch:
        bench = Bench(Path(scratch), options)
        figures = [figure for row in options.only or ROWS for figure in getattr(bench, row)()]
    print(table(figures))
    write(options.result, figures, machine())


if __name__ == "__main__":
    main()
