"""Measures the proxy beside its baselines, in turn: the whole table, or the rows asked for.

    python -m bench.proxy [--only NAME] [--rounds 5] [--seconds 3]

The proxies run on core 0, the provider and the clients on core 1. What is counted is the CPU time of all
threads of a proxy's processes per finished request (or event), after a warm-up, every limit set, metrics on,
records in `batch`. A ratio is that of the medians of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from bench.figures import Figure, machine, table, write
from bench.proxy.rows import Bench
from bench.proxy.sides import PROXY_CORE, MissingError

RESULT: Final = Path(__file__).parents[1] / "results" / "proxy.json"
ROWS: Final = ("json", "stream", "litellm", "durability", "metrics", "memory")


def main() -> None:
    """Runs the rows, prints the table, and keeps each row in the result file as soon as it is there."""
    parser = argparse.ArgumentParser(description="Measures the proxy beside its baselines.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="how long a side is measured in each round")
    parser.add_argument("--only", choices=ROWS, action="append")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    cores = os.sched_getaffinity(0) - {PROXY_CORE}
    if not cores:
        parser.error("the figures need two cores: one for the proxy, one for provider and clients")
    os.sched_setaffinity(0, {min(cores)})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    versions = {name: version(name) for name in ("aiohttp", "httptools", "msgspec", "uvloop")}
    figures: list[Figure] = []
    gc.freeze()
    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        tempfile.TemporaryDirectory(prefix="relay-bench-") as scratch,
    ):
        bench = Bench(runner, Path(scratch), rounds=options.rounds, seconds=options.seconds)
        for name in options.only or ROWS:
            about = machine() | versions
            try:
                found = getattr(bench, name)()
            except MissingError as error:
                print(f"'{name}' is not measured: {error}", flush=True)
                continue
            write(options.result, found, about | {"load_average_after": machine()["load_average"]})
            figures += found
            print(table(found), flush=True)
        bench.close()
    print(table(figures))


if __name__ == "__main__":
    main()
