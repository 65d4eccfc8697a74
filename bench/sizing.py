"""Measures what records need: bytes of segments, of the archive and of the database per million requests.

    python -m bench.sizing [--records N]

Sizes depend on what is measured, not on how busy the machine is: the records of bench/records.py, 5,000 users
in 200 teams over 90 days. usage_hourly grows with the combinations of hour, user, team and model that occur,
so fewer users, or busier ones, need less of it. Writes bench/results/sizing.json, which docs/operations.md
quotes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.etl_stage import query
from bench.figures import machine
from bench.records import records, write_segments
from etl.archive.run import archive
from etl.database.connection import connect
from etl.load.run import run
from relayctl.demo.postgres import embedded_postgres
from tests.support.databases import migrated_database

RESULT: Final = Path(__file__).with_name("results") / "sizing.json"
_MILLION: Final = 1_000_000


def measure(count: int) -> dict[str, Any]:
    """Bytes per million requests, by where they are."""
    with (
        TemporaryDirectory(dir="/var/tmp") as scratch,
        embedded_postgres() as server,
        migrated_database(server) as url,
    ):
        logs = Path(scratch, "logs")
        segments = sum(path.stat().st_size for path in write_segments(logs, records(count)))
        loaded = run(url, logs)
        assert loaded.loaded == count, loaded
        with connect(url) as connection:
            tables: dict[str, int] = dict(connection.execute(query("sizes")).fetchall())
            version = connection.info.server_version // 10_000
        archived = archive(logs, str(Path(scratch, "archive")))

    def per_million(size: int) -> int:
        return round(size * _MILLION / count)

    return {
        "command": "python -m bench.sizing",
        "records": count,
        "postgresql": version,
        "bytes_per_million": {
            "segments": per_million(segments),
            "archive_parquet": per_million(archived.parquet_bytes),
            "archive_packed_segments": per_million(archived.pack_bytes),
            "database": per_million(sum(tables.values())),
            "usage_records": per_million(tables["usage_records"]),
            "usage_hourly": per_million(tables["usage_hourly_parts"]),
            "usage_daily": per_million(tables["usage_daily"] + tables["usage_days"]),
        },
        "date": machine()["date"],
    }


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=_MILLION)
    found = measure(parser.parse_args().records)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
