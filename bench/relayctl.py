"""Measures `relayctl` as whole processes, each in turn with its baseline.

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
from bench.figures import Figure, Rows, interleaved, machine, table, write
from bench.records import BEGIN, DAYS, records, write_segments
from etl.archive.run import archive
from etl.database.connection import connect
from etl.rollup import rollup
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


_IMPORTS: Final = "import click, duckdb, msgspec, rich.console, rich.table"


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


class Bench(Rows):
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
        """A report with a cache of its own for this benchmark."""
        return seconds(*_RELAYCTL, *arguments, XDG_CACHE_HOME=str(self.scratch / "cache"))

    def bare(self) -> Callable[[], float]:
        """The plain query in a separate process."""
        path = Path(__file__).with_name("sql") / "top_users_from_segments.sql"
        return seconds(
            *(sys.executable, "-c", _BARE, str(path), f"{self.logs}/*.jsonl"),
            *(self.period[1], self.period[3]),
        )

    def help(self) -> list[Figure]:
        """The start-up time."""
        found = interleaved(
            max(self.rounds, 21),
            help=seconds(*_RELAYCTL, "--help"),
            click=seconds(sys.executable, "-c", "import click"),
        )
        measured = f"{found['help'] * 1000:.0f} ms; import click {found['click'] * 1000:.0f} ms"
        ratio = found["help"] / found["click"]
        return [self.figure("relayctl --help / python -c 'import click'", measured, ratio, 1.6)]

    def usage(self) -> list[Figure]:
        """One user's week from a full database."""
        options = argparse.Namespace(records=1_000_000, rounds=self.rounds, rows_there=1)
        with embedded_postgres() as server:
            stage = Stage(server, self.scratch, options)
            with stage.database() as url:
                stage.loaded(url, stage.segments)
                with connect(url) as connection:
                    for part in range(1, self.options.rows // options.records):
                        shifted = {"part": part, "begin": BEGIN, "days": DAYS}
                        connection.execute(query("more_records"), shifted)
                    connection.execute("TRUNCATE usage_hourly_parts")
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
        """Over segments: the bare query, the first report, which verifies every segment, and later ones.

        Later ones read the rollup cache that the first one made, and records where the range cuts an hour.
        """
        asked = ("leaderboard", "--logs", str(self.logs), "--source", "logs")
        cut = ("--since", f"{self.period[1]}T09:10:11Z", "--until", f"{self.period[3]}T00:00:00Z")
        self.report(*asked, *self.period)()
        found = interleaved(
            self.rounds,
            again=self.report(*asked, *self.period),
            cut=self.report(*asked, *cut),
            bare=self.bare(),
            first=self.first(*asked, *self.period),
        )
        several = f"{self.options.records:,} records of JSONL"
        named = {
            "again": f"leaderboard over {several} / the bare query",
            "cut": f"leaderboard over {several}, from within an hour on / the bare query",
            "first": f"the first leaderboard over {several}, which verifies each segment / the bare query",
        }
        figures = [
            self.figure(
                name,
                f"{found[side]:.2f} s; bare {found['bare']:.2f} s",
                found[side] / found["bare"],
                1.15,
                why=_VERIFICATION,
            )
            for side, name in named.items()
        ]
        return figures + self._archived(found["bare"])

    def first(self, *arguments: str) -> Callable[[], float]:
        """A report without a cache."""
        new = tempfile.mkdtemp(dir=self.scratch)
        number = iter(range(1_000_000))

        def measure() -> float:
            return seconds(*_RELAYCTL, *arguments, XDG_CACHE_HOME=f"{new}/{next(number)}")()

        return measure

    def _archived(self, bare: float) -> list[Figure]:
        to, empty = self.scratch / "archive", self.scratch / "empty"
        empty.mkdir()
        archive(self.logs, str(to))
        asked = ("leaderboard", "--logs", str(empty), "--archive", str(to), "--source", "logs", *self.period)
        self.report(*asked)()
        found = interleaved(
            self.rounds,
            parquet=self.report(*asked),
            first=self.first(*asked),
            imports=seconds(sys.executable, "-c", _IMPORTS),
            duckdb=seconds(sys.executable, "-c", "import duckdb"),
        )
        records, imports = f"{self.options.records:,} records", found["imports"]
        measured_archive = (
            f"{found['parquet']:.2f} s, its imports alone {imports:.2f} s; bare over JSONL {bare:.2f} s"
        )
        rows = {
            f"the bare query over {records} of JSONL / leaderboard over their archive": (
                measured_archive,
                bare / found["parquet"],
            ),
            f"the same over {records}, each less its imports": (
                measured_archive,
                (bare - found["duckdb"]) / (found["parquet"] - imports),
            ),
            f"the bare query over {records} of JSONL / the first leaderboard over their archive": (
                f"{found['first']:.2f} s; bare over JSONL {bare:.2f} s",
                bare / found["first"],
            ),
        }
        return [
            self.figure(name, measured, ratio, 40, at_least=True, why=_STARTS)
            for name, (measured, ratio) in rows.items()
        ]

    def memory(self) -> list[Figure]:
        """The peak memory of a first report: of sums alone, and with each duration, for percentiles."""
        name = f"peak memory over {self.options.records:,} records of JSONL (MiB)"
        figures = []
        for what, more in (("leaderboard", ()), ("report", ("--out", str(self.scratch / "page.html")))):
            asked = (what, "--logs", str(self.logs), "--source", "logs", *self.period, *more)
            used = whole_process(*_RELAYCTL, *asked, XDG_CACHE_HOME=str(self.scratch / f"none-{what}"))[1]
            figures.append(self.figure(f"{what}: {name}", f"{used:.0f} MiB", used, 600, rounds=1))
        return figures


_VERIFICATION: Final = (
    "hashing, strict checks of 21 fields and the sums of the cache; only once (docs/decisions/0015)"
)
_STARTS: Final = "to import click, duckdb, msgspec and rich takes longer than the goal leaves for all"
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
    if not options.only:
        options.result.unlink(missing_ok=True)
    write(options.result, figures, machine())


if __name__ == "__main__":
    main()
