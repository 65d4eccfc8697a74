"""Fixtures of the ETL benchmarks: a server, segments, loading processes, psql."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from bench.figures import Rows
from bench.records import records, write_segments
from etl.database import partitions
from etl.database.connection import connect
from etl.database.queries import named
from etl.records.columns import SQL as RECORD_SQL
from tests.support.databases import migrated_database

MONTHS: Final = [(2026, month) for month in range(8, 13)]
SQL: Final = Path(__file__).with_name("sql")


class LoaderProcess:
    """A loading process, connected and waiting for work."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "bench.etl_loader", url]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin
        assert process.stdout
        self._process, self._to, self._from = process, process.stdin, process.stdout
        assert self._from.readline() == "ready\n"

    def begin(self, directory: Path) -> None:
        """Starts loading a directory."""
        self._to.write(f"{directory}\n")
        self._to.flush()

    def answer(self) -> dict[str, Any]:
        """Waits for the result of a directory."""
        answer: dict[str, Any] = json.loads(self._from.readline())
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._to.close()
        assert self._process.wait() == 0


class Stage(Rows):
    """Base of the measurements: a server, segments, and empty databases."""

    def __init__(self, server: str, scratch: Path, options: argparse.Namespace) -> None:
        self.server = server
        self.scratch = scratch
        self.records: int = options.records
        self.rounds: int = options.rounds
        self.times: int = options.rows_there

    @cached_property
    def segments(self) -> Path:
        """The directory of the segments that are loaded."""
        directory = self.scratch / "segments"
        write_segments(directory, records(self.records))
        return directory

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new database with all partitions, after a checkpoint."""
        with migrated_database(self.server) as url:
            with connect(url) as connection:
                partitions.ensure(connection, MONTHS)
                connection.execute("CHECKPOINT")
            yield url

    @cached_property
    def csv(self) -> Path:
        """The rows of the segments as CSV for `\\copy`."""
        path = self.scratch / "records.csv"
        with self.database() as url:
            self.loaded(url, self.segments)
            columns = named("copy_usage_records", **RECORD_SQL).partition("(")[2].partition(")")[0]
            rows = f"SELECT {columns} FROM usage_records ORDER BY created_at"
            psql(url, f"\\copy ({one_line(rows)}) TO '{path}' (FORMAT csv)")
        return path

    def loaded(self, url: str, directory: Path, loaders: int = 1) -> dict[str, Any]:
        """Loads a directory in separate processes; `seconds` is the time until the last one has finished."""
        workers = [LoaderProcess(url) for _ in range(loaders)]
        started = time.perf_counter()
        for worker in workers:
            worker.begin(directory)
        answers = [worker.answer() for worker in workers]
        seconds = time.perf_counter() - started
        for worker in workers:
            worker.close()
        peak = max(answer["peak_kib"] for answer in answers)
        return {"records": sum(one["records"] for one in answers), "seconds": seconds, "peak_kib": peak}


def query(name: str) -> str:
    """The text of a statement of the benchmark."""
    return (SQL / f"{name}.sql").read_text()


def one_line(text: str) -> str:
    """The text on one line, as psql's backslash commands require."""
    return " ".join(text.split())


def psql(url: str, command: str) -> None:
    """Runs a psql command."""
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, url], check=True)


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock time of a call in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
