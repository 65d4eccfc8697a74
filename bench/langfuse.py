"""`python -m bench.langfuse` measures a backfill: records a second of one process, and its most memory.

The stand-in Langfuse is a process of its own; it holds each twentieth body against OTLP's schema, which is
slow. PostgreSQL, the logs and the package's client alone are measured in turn. Writes
bench/results/langfuse.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from langfuse.api.client import LangfuseAPI

from bench.etl_loader import peak_memory_kib
from bench.figures import Figure, interleaved, machine, table, write
from etl.langfuse import export as langfuse
from etl.langfuse.connection import Credentials
from etl.langfuse.session import Settings
from etl.langfuse.span import resource_spans, started_ms, to_span
from etl.load.run import run
from relayctl.demo.postgres import embedded_postgres
from tests.faults.langfuse import Target, target
from tests.support.databases import migrated_database
from tests.support.langfuse.export import spread
from tests.support.langfuse.export import write as write_segments

RESULT = Path(__file__).with_name("results") / "langfuse.json"
_CHECK_EVERY = 20
_BATCH = 500


def child(logs: Path, ledger: Path) -> None:
    """One backfill; prints what it sent, how long it took without starting up, and the most memory."""
    settings = Settings(
        credentials=Credentials.from_environ(os.environ),
        database_url=os.environ.get("RELAY_DATABASE_URL"),
        logs=logs,
        ledger=ledger,
        lag=1,
    )
    begun = time.perf_counter()
    result = langfuse.backfill(settings)
    seconds = time.perf_counter() - begun
    print(json.dumps({"sent": result.accepted, "seconds": seconds, "peak_kib": peak_memory_kib()}))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Records in segments and in a database, and somewhere to put ledgers."""

    records: int
    logs: Path
    scratch: Path
    postgres: str

    def backfill(self, *, database: bool) -> dict[str, float]:
        """One backfill of everything by a new process to a new Langfuse."""
        with ExitStack() as stack:
            langfuse_ = stack.enter_context(target(lag=0, check_every=_CHECK_EVERY))
            environ = {name: value for name, value in os.environ.items() if not name.startswith("RELAY")}
            if database:
                url = stack.enter_context(migrated_database(self.postgres))
                run(url, self.logs)
                environ["RELAY_DATABASE_URL"] = url
            ledger = self.scratch / "ledger"
            shutil.rmtree(ledger, ignore_errors=True)
            done = subprocess.run(
                [sys.executable, "-m", "bench.langfuse", "--child", self.logs, ledger / "ledger.sqlite"],
                env=environ | langfuse_.environ,
                check=True,
                capture_output=True,
                text=True,
            )
            found: dict[str, float] = json.loads(done.stdout)
            assert found["sent"] == langfuse_.summary()["rows"] == self.records, found
        return found

    def bare(self) -> float:
        """Seconds that the package's client alone takes for these spans, made before: the baseline."""
        spans = [to_span(one, started_ms(one.created_at), None, "default") for one in spread(self.records)]
        with target(lag=0, check_every=_CHECK_EVERY) as langfuse_:
            return post_all(langfuse_, spans)


def post_all(langfuse_: Target, spans: list[dict[str, object]]) -> float:
    """Sends spans with nothing but the package's client."""
    keys = langfuse_.environ
    public, secret = keys["LANGFUSE_PUBLIC_KEY"], keys["LANGFUSE_SECRET_KEY"]
    with httpx.Client() as client:
        api = LangfuseAPI(
            base_url=langfuse_.url, username=public, password=secret, httpx_client=client
        ).opentelemetry
        begun = time.perf_counter()
        for start in range(0, len(spans), _BATCH):
            api.export_traces(
                resource_spans=resource_spans(spans[start : start + _BATCH], public),
                request_options={"additional_headers": {"x-langfuse-ingestion-version": "4"}},
            )
        return time.perf_counter() - begun


def measured(bench: Bench, rounds: int) -> list[Figure]:
    """The figures."""
    peaks: list[float] = []

    def seconds(*, database: bool) -> float:
        found = bench.backfill(database=database)
        peaks.append(found["peak_kib"] / 1024)
        return found["seconds"]

    found = interleaved(
        rounds,
        postgres=lambda: seconds(database=True),
        logs=lambda: seconds(database=False),
        bare=bench.bare,
    )
    rate = {name: bench.records / value for name, value in found.items()}
    bare = f"the package's client alone {rate['bare']:,.0f}"
    figures = [
        Figure(
            name=f"backfill from {name}, one process (records/s)",
            measured=f"{rate[side]:,.0f} records/s; {bare}",
            ratio=rate[side],
            goal=2500,
            at_least=True,
            rounds=rounds,
        )
        for side, name in (("postgres", "PostgreSQL"), ("logs", "the logs"))
    ]
    peak = max(peaks)
    name = f"peak memory of a backfill, {bench.records:,} records (MiB)"
    shown = f"{peak:.1f} MiB"
    return [
        *figures,
        Figure(name=name, measured=shown, ratio=peak, goal=128, at_least=False, rounds=len(peaks)),
    ]


def main() -> None:
    """Measures, prints and writes."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        child(*given.child)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        write_segments(folder / "logs", spread(given.records), segment=2000)
        postgres = stack.enter_context(embedded_postgres())
        bench = Bench(records=given.records, logs=folder / "logs", scratch=folder, postgres=postgres)
        figures = measured(bench, given.rounds)
    print(table(figures))
    write(RESULT, figures, {"records": given.records, **machine()})


if __name__ == "__main__":
    main()
