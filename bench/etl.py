"""Measures the ETL and its baselines in turn.

    python -m bench.etl [--records N] [--rounds 5] [--only NAME] [--memory10]

Both sides of a row use one embedded PostgreSQL (fsync off for both) and databases of the same schema. The
temporary files need about 2 KB of disk per record, and six times that with `--rows-there 10`. All rows take
about ten minutes on two quiet cores, and `memory10`, which is left out unless asked for, as long again.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Final

import duckdb
import psycopg

from bench.etl_stage import LoaderProcess, Stage, one_line, psql, query, seconds_of
from bench.figures import Figure, interleaved, machine, table, write
from bench.records import BEGIN, DAYS, records, write_segments
from etl.archive.run import archive
from etl.database.connection import connect
from etl.database.queries import named
from etl.load.loader import Loader
from etl.records.columns import SQL as RECORD_SQL
from etl.rollup import rollup
from etl.segments.blocks import read_block
from etl.segments.reader import SegmentReader, list_segments
from relayctl.demo.postgres import embedded_postgres

RESULT: Final = Path(__file__).with_name("results") / "etl.json"


class Bench(Stage):
    """The rows of the table, one method each."""

    new_days: Final = count()

    def load_seconds(self, loaders: int = 1) -> float:
        """Seconds to load all segments into an empty database."""
        with self.database() as url:
            answer = self.loaded(url, self.segments, loaders=loaders)
        assert answer["records"] == self.records, answer
        return float(answer["seconds"])

    def copy_seconds(self) -> float:
        """Seconds of psql's `\\copy` of the same rows into the same table."""
        columns = named("copy_usage_records", **RECORD_SQL).partition("(")[2].partition(")")[0]
        with self.database() as url:
            started = time.perf_counter()
            psql(url, f"\\copy usage_records ({one_line(columns)}) FROM '{self.csv}' (FORMAT csv)")
            return time.perf_counter() - started

    def load(self) -> list[Figure]:
        """Loading segments into records, hours and ledger, compared with a plain copy."""
        self.csv.stat()  # made before anything is measured
        seconds = interleaved(self.rounds, load=self.load_seconds, copy=self.copy_seconds)
        rates = {name: self.records / value for name, value in seconds.items()}
        measured = f"{rates['load']:,.0f} records/s; \\copy {rates['copy']:,.0f}"
        ratio = rates["load"] / rates["copy"]
        return [
            self.figure(
                "segments to records, hours and ledger / \\copy",
                measured,
                ratio,
                0.75,
                stretch=0.9,
                at_least=True,
                why="the loader takes 7 to 8 µs of Python a record, the goal leaves 3.3",
            )
        ]

    def memory(self) -> list[Figure]:
        """The peak memory of a loading process."""
        with self.database() as url:
            peak = self.loaded(url, self.segments)["peak_kib"] / 1024
        name = f"peak memory of the loading process, {self.records:,} records (MiB)"
        return [self.figure(name, f"{peak:.1f} MiB", peak, 80, rounds=1)]

    def memory10(self) -> list[Figure]:
        """The same with ten times as many records; segments are written and removed part by part."""
        with self.database() as url:
            worker = LoaderProcess(url)
            for part in range(10):
                directory = self.scratch / f"part{part}"
                write_segments(directory, records(self.records, seed=part), writer=f"part{part}")
                worker.begin(directory)
                answer = worker.answer()
                assert answer["records"] == self.records, answer
                shutil.rmtree(directory)
            worker.close()
        peak = answer["peak_kib"] / 1024
        name = f"peak memory of the loading process, {10 * self.records:,} records (MiB)"
        return [self.figure(name, f"{peak:.1f} MiB", peak, 80, rounds=1)]

    def parse(self) -> list[Figure]:
        """Parsing lines in memory, and reading a whole segment file."""
        rounds = max(self.rounds, 15)
        path = list_segments(self.segments)[0]
        lines = path.read_bytes().splitlines(keepends=True)[1:-1]
        only = [line for line in lines if b'"event":"request"' in line]
        # Renumbered, because without intents the line numbers would have gaps.
        only = [
            line.replace(b'"seq":%d,' % (2 * n + 3), b'"seq":%d,' % (n + 2), 1) for n, line in enumerate(only)
        ]
        due = 2

        def seconds(lines: list[bytes]) -> Callable[[], float]:
            blocks = [(at + due, b"".join(lines[at : at + 64])) for at in range(0, len(lines), 64)]

            def parse() -> float:
                started = time.process_time()
                assert all(read_block(block, first) for first, block in blocks)
                return time.process_time() - started

            return parse

        def reading() -> float:
            started = time.process_time()
            assert sum(1 for _ in SegmentReader(path).blocks())
            return time.process_time() - started

        found = interleaved(rounds, only=seconds(only), both=seconds(lines), reading=reading)
        rate = {name: len(only) / value for name, value in found.items()}
        size = sum(map(len, only)) / len(only)
        measured = (
            f"{rate['only']:,.0f} records/s of {size:.0f} bytes; with their intents {rate['both']:,.0f}; "
            f"with file, seal and account {rate['reading']:,.0f}"
        )
        return [
            self.figure(
                "parse and validate alone, one core (records/s)",
                measured,
                rate["only"],
                700_000,
                at_least=True,
                rounds=rounds,
                why="msgspec's decoding alone takes 1.3 µs of the 1.43 that the goal leaves a record",
            )
        ]

    def together(self) -> list[Figure]:
        """Two concurrent loading processes, compared with one."""
        seconds = interleaved(self.rounds, one=self.load_seconds, two=lambda: self.load_seconds(loaders=2))
        rates = {name: self.records / value for name, value in seconds.items()}
        measured = f"{rates['two']:,.0f} records/s; one {rates['one']:,.0f}"
        why = "one loader uses one of two cores and PostgreSQL the other: two loaders share the remainder"
        ratio = rates["two"] / rates["one"]
        return [self.figure("two loaders / one", measured, ratio, 1.3, at_least=True, why=why)]

    @contextmanager
    def full_database(self) -> Iterator[str]:
        """A database with the records of the segments, shifted copies of them, and all hours."""
        with self.database() as url:
            self.loaded(url, self.segments)
            with connect(url) as connection:
                for part in range(1, self.times):
                    connection.execute(query("more_records"), {"part": part, "begin": BEGIN, "days": DAYS})
                connection.execute("TRUNCATE usage_hourly_parts")
                connection.execute(query("hours_of_records"))
                connection.execute(query("create_direct_daily"))
                connection.execute("VACUUM ANALYZE")
            yield url

    def full(self) -> list[Figure]:
        """The refresh and a load when the table is full."""
        with self.full_database() as url:
            return [*self._refresh(url), *self._little(url)]

    def _load_day(self, url: str) -> float:
        """Seconds to load 10,000 records of a new day."""
        number = next(self.new_days)
        begin = BEGIN + timedelta(days=DAYS + number)
        new = records(10_000, seed=1000 + number, begin=begin, days=1)
        (path,) = write_segments(self.scratch / f"new{number}", new, writer=f"new{number}")
        with connect(url) as connection:
            loader = Loader(connection)
            return seconds_of(lambda: loader.load(path))

    def _refresh(self, url: str) -> list[Figure]:
        """The refresh of both views after a day was added."""
        with connect(url) as connection:

            def after_load(work: Callable[[], object]) -> Callable[[], float]:
                def measured() -> float:
                    self._load_day(url)
                    return seconds_of(work)

                return measured

            rollup.refresh(connection)
            rounds = min(self.rounds, 3)
            seconds = interleaved(
                rounds,
                relay=after_load(lambda: rollup.refresh(connection, force=False)),
                direct=after_load(lambda: connection.execute(query("refresh_direct_daily"))),
                diff=lambda: seconds_of(lambda: connection.execute(named("refresh_usage_daily"))),
            )
            row = connection.execute(query("refreshed")).fetchone() or (0, 0, 0)
        measured = (
            f"{seconds['relay']:.1f} s; {seconds['direct']:.1f} s; {row[2]:,} days and {row[1]:,} hours of "
            f"{row[0]:,} records; CONCURRENTLY by itself {seconds['diff']:.1f} s"
        )
        ratio = seconds["relay"] / seconds["direct"]
        name = f"refresh of usage_daily / of a view over the records, {self.times * self.records:,} records"
        why = "the comparison that CONCURRENTLY makes of all old rows with all new ones (docs/decisions/0010)"
        return [self.figure(name, measured, ratio, 0.2, rounds=rounds, why=why)]

    def _little(self, full: str) -> list[Figure]:
        """Loading 10,000 new records into a full table and into one with 100,000."""
        few = self.scratch / "few"
        write_segments(few, records(100_000, seed=2), writer="few")
        rounds = max(self.rounds, 9)
        with self.database() as small:
            self.loaded(small, few)
            found = interleaved(
                rounds, small=lambda: self._load_day(small), full=lambda: self._load_day(full)
            )
        measured = f"{found['full'] * 1000:.0f} ms; with 100,000 there {found['small'] * 1000:.0f} ms"
        name = f"loading 10,000 records with {self.times * self.records:,} there / with 100,000"
        ratio = found["full"] / found["small"]
        return [self.figure(name, measured, ratio, 1.2, rounds=rounds)]

    def parquet(self) -> list[Figure]:
        """The size of archive and segments, and a query of one user's week on each with DuckDB."""
        archived = self.scratch / "archive"
        result = archive(self.segments, str(archived))
        database = duckdb.connect()
        week = {"user": "user-00100@example.com", "since": str(BEGIN.date() + timedelta(days=30))}
        week["until"] = str(BEGIN.date() + timedelta(days=37))

        def seconds(name: str, files: str) -> Callable[[], float]:
            statement = query(name)
            return lambda: seconds_of(lambda: database.execute(statement, week | {"files": files}).fetchall())

        found = interleaved(
            self.rounds,
            parquet=seconds("week_from_parquet", f"{archived}/day=*/*.parquet"),
            jsonl=seconds("week_from_segments", f"{self.segments}/*.jsonl"),
        )
        size = result.parquet_bytes / result.segment_bytes
        times = found["jsonl"] / found["parquet"]
        bytes_measured = f"{result.parquet_bytes:,} of {result.segment_bytes:,} bytes (1/{1 / size:.1f})"
        week_measured = f"{found['parquet'] * 1000:.1f} ms; {found['jsonl'] * 1000:.0f} ms"
        return [
            self.figure("bytes of Parquet / of JSONL", bytes_measured, size, 1 / 12, rounds=1),
            self.figure("one user's week, JSONL's time / Parquet's", week_measured, times, 80, at_least=True),
        ]


ROWS: Final = ("parse", "load", "memory", "together", "parquet", "full")
LONG: Final = "memory10"


def main() -> None:
    """Runs the selected rows, prints the table, and stores each result as soon as it is available."""
    parser = argparse.ArgumentParser(description="Measures the ETL beside its baselines.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows-there", type=int, default=10, help="a full table has so many times --records")
    parser.add_argument("--only", choices=[*ROWS, LONG], action="append")
    parser.add_argument("--memory10", action="store_true", help="the memory of ten times --records too")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    versions = {name: version(name) for name in ("psycopg", "msgspec", "duckdb", "pyarrow")}
    figures: list[Figure] = []
    with embedded_postgres() as server, tempfile.TemporaryDirectory(prefix="relay-bench-") as scratch:
        with psycopg.connect(server) as connection:
            versions["postgresql"] = connection.info.parameter_status("server_version") or ""
        bench = Bench(server, Path(scratch), options)
        for name in options.only or [*ROWS, *[LONG] * options.memory10]:
            about, started = machine() | versions | {"records": options.records}, time.perf_counter()
            found = getattr(bench, name)()
            write(options.result, found, about | {"load_average_after": machine()["load_average"]})
            figures += found
            print(table(found), flush=True)
            print(f"{name} took {time.perf_counter() - started:.0f} s\n", flush=True)
    print(table(figures))


if __name__ == "__main__":
    main()
