"""The first two worked examples of CONTRIBUTING.md, done in a copy of the tree: how many files they take."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = ("proxy", "etl", "relayctl", "sql", "docs", "tests/support", "tests/unit/etl/records")
NEXT = len(list((ROOT / "sql" / "migrations").glob("*.sql"))) + 1

# The test of the example: a record with the new field is loaded, archived and reported on.
TEST = '''"""The tokens of audio are stored, archived and shown."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from pyarrow import parquet

from etl.archive.run import archive
from etl.database.connection import connect
from etl.database.migrations import migrate
from etl.load.run import run
from etl.rollup.verification import find
from proxy.segments.record import UsageRecord
from relayctl.reports import json_documents, reports
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources import sql_database
from relayctl.sources.logs import LogSource
from relayctl.sources.postgres import PostgresSource
from tests.support.report_data import record, write_segment

url, folder = sys.argv[1], Path(sys.argv[2])
with connect(url) as connection:
    migrate(connection)
    logs = folder / "logs"
    logs.mkdir()
    write_segment(logs, [record(1, audio_tokens=7), record(2)])
    assert run(url, logs).loaded == 2
    rows = connection.execute("SELECT audio_tokens FROM usage_records ORDER BY created_at").fetchall()
    assert rows == [(7,), (0,)]
    archive(logs, str(folder / "archive"))
    files = sorted((folder / "archive").rglob("*.parquet"))
    assert [parquet.read_table(file)["audio_tokens"].to_pylist() for file in files] == [[7, 0]]
    period = Period(
        since=datetime(2026, 9, 1, tzinfo=UTC),
        until=datetime(2026, 12, 1, tzinfo=UTC),
        zone=zone_named("UTC"),
    )
    source = LogSource(directory=logs, now=lambda: period.until)
    with sql_database.opened(source, period) as database:
        (statement,) = database.statements("SELECT sum(audio_tokens)::INTEGER FROM usage_records")
        assert database.run(statement).rows == [(7,)]
    for asked in (PostgresSource(url=url), source):
        document = json_documents.usage_document(reports.usage_report(asked, period))
        assert document["totals"].get("audio_tokens", "not shown") == SHOWN
    assert find(connection) == []
'''


class Example:
    """Edits in a copy of the tree; remembers which files they touch."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.files: set[str] = set()

    def insert(self, name: str, text: str, *, after: str) -> None:
        """Adds text after the one line that matches a pattern."""
        path = self.tree / name
        before = path.read_text("utf-8")
        (place,) = re.finditer(f"{after}.*\n", before)
        path.write_text(before[: place.end()] + text + before[place.end() :], encoding="utf-8")
        self.files.add(name)

    def append(self, name: str, text: str) -> None:
        """Adds text at the end of a file, which may be new."""
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text("utf-8") if path.exists() else "") + text, encoding="utf-8")
        self.files.add(name)

    def run(self, *arguments: str) -> None:
        """Runs Python on the copy; fails with its output."""
        environment = os.environ | {"PYTHONPATH": str(self.tree), "XDG_CACHE_HOME": str(self.tree / "cache")}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """The tree without what no example needs."""
    tree = tmp_path / "tree"
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tree)
    return Example(tree)


def store_a_field(example: Example) -> None:
    """The first example: `audio_tokens`, a number of every record."""
    example.insert(
        "proxy/segments/record.py",
        "    audio_tokens: Tokens = 0\n",
        after=r"    unit_prices: dict\[str, str\] \| None = None",
    )
    example.append(
        f"sql/migrations/{NEXT:04}_audio.sql",
        "ALTER TABLE usage_records ADD COLUMN audio_tokens bigint NOT NULL DEFAULT 0;\n",
    )
    table = r"CREATE TABLE usage_records \("
    example.insert("sql/schema.sql", "    audio_tokens bigint NOT NULL DEFAULT 0,\n", after=table)
    example.insert(
        "docs/records.md",
        "| `audio_tokens` | int | part of `total_tokens` that is audio |\n",
        after=r"\| `reasoning_tokens` \|",
    )
    example.append("tests/audio.py", TEST.replace("SHOWN", '"not shown"'))


def show_it_in_usage(example: Example) -> None:
    """The second example, in the same change: the migration adds the measure to the rollup too."""
    example.insert(
        "etl/rollup/columns.py",
        '    Measure(name="audio_tokens", kind="tokens", of_records="sum(audio_tokens)"),\n',
        after='    Measure\\(name="reasoning_tokens"',
    )
    migrations = example.tree / "sql" / "migrations"
    newest = "\n".join(path.read_text("utf-8") for path in sorted(migrations.glob("*.sql")))
    view = newest[newest.rindex("CREATE OR REPLACE VIEW usage_hourly AS") :].partition(";")[0]
    view = view.replace(
        "\nFROM usage_hourly_parts", ",\n       sum(audio_tokens) AS audio_tokens\nFROM usage_hourly_parts"
    )
    example.append(
        f"sql/migrations/{NEXT:04}_audio.sql",
        f"ALTER TABLE usage_hourly_parts ADD COLUMN audio_tokens bigint NOT NULL DEFAULT 0;\n{view};\n",
    )
    example.insert(
        "sql/schema.sql",
        "    audio_tokens bigint NOT NULL DEFAULT 0,\n",
        after=r"CREATE TABLE usage_hourly_parts \(",
    )
    example.append("docs/reports.md", "\n`audio_tokens` are the part of `total_tokens` that is audio.\n")
    (example.tree / "tests/audio.py").write_text(TEST.replace("SHOWN", "7"), encoding="utf-8")


def check(example: Example, url: str) -> None:
    """The unit tests of columns, rows and Parquet, then a load, an archive and reports."""
    example.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/etl/records")
    example.run("-m", "tests.audio", url, str(example.tree.parent))


def test_a_stored_field_takes_at_most_five_files(example: Example, database_url: str) -> None:
    store_a_field(example)
    check(example, database_url)
    assert len(example.files) <= 5


def test_showing_it_in_usage_takes_at_most_two_more_files(example: Example, database_url: str) -> None:
    store_a_field(example)
    stored = set(example.files)
    show_it_in_usage(example)
    check(example, database_url)
    assert len(example.files - stored) <= 2
