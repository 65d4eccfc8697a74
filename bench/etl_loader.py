"""A loading process of its own: loads each directory named on standard input, and says what it took.

One line of JSON per directory: records, seconds, and the most memory the process has ever used, in KiB.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from etl.database.connection import connect
from etl.load.loader import Loader
from etl.segments.reader import list_segments


def peak_memory_kib() -> int:
    """VmHWM of this process."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    """Loads segments as `relayctl etl run` does, without its refresh of the daily view."""
    with connect(sys.argv[1]) as connection:
        loader = Loader(connection)
        print("ready", flush=True)
        for line in sys.stdin:
            begun = time.perf_counter()
            paths = list_segments(Path(line.rstrip("\n")))
            outcomes = [loader.load(path, paths[at : at + 16]) for at, path in enumerate(paths, start=1)]
            records = sum(outcome.loaded for outcome in outcomes if outcome)
            seconds = time.perf_counter() - begun
            answer = {"records": records, "seconds": seconds, "peak_kib": peak_memory_kib()}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
