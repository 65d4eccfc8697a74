"""Restoring a database from the segments alone, with the commands of docs/operations.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.records import records, write_segments
from etl.archive.run import archive
from etl.database.connection import connect

ROOT = Path(__file__).parents[4]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.DOTALL)


def test_database_is_restored_from_archive_and_logs(tmp_path: Path, database_url: str) -> None:
    assert shutil.which("zstd"), "install zstd (Debian: apt-get install zstd)"
    logs = tmp_path / "logs"
    segments = write_segments(logs, records(600), per_segment=100)
    archive(logs, str(tmp_path / "archive"))
    for gone in segments[:4]:
        gone.unlink()
    (block,) = (block for block in BLOCKS if "mkdir restored" in block)
    script = re.sub(r"RELAY_DATABASE_URL=\S+", f"RELAY_DATABASE_URL='{database_url}'", block)
    done = subprocess.run(
        ["bash", "-euc", script.replace("/var/lib/relay/logs", str(logs))],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM usage_records").fetchone() == (600,)
