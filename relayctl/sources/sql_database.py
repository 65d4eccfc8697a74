"""The database of `relayctl sql`: logs and archive as two read-only views.

All records are first loaded into a temporary database file. DuckDB then opens it read-only, with no access to
other files, the network, extensions or settings; the file is deleted as soon as it is open.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from etl.database.queries import named
from etl.records.columns import COLUMNS
from relayctl.errors import RelayctlError
from relayctl.reports.time_range import Period, zone_named
from relayctl.sources.log_queries import load_records
from relayctl.sources.logs import LogSource, translated
from relayctl.sources.segments import Findings
from relayctl.sources.statements import database, lists, sql

ALWAYS: Final = Period(
    since=datetime(1, 1, 1, tzinfo=UTC), until=datetime(9999, 12, 31, tzinfo=UTC), zone=zone_named("UTC")
)
"""A period that contains every record."""


class SqlError(RelayctlError):
    """DuckDB rejects a statement."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Rows in the order of `columns`; `types` are DuckDB's names of their types."""

    columns: Sequence[str]
    types: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Database:
    """A read-only database; `notes` are sentences about what could not be loaded."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, notes: tuple[str, ...]) -> None:
        self._connection = connection
        self.notes = notes

    def names(self) -> list[str]:
        """The views and their columns."""
        rows = self._connection.execute(named("sql_names")).fetchall()
        return sorted({name for row in rows for name in row})

    def statements(self, text: str) -> list[duckdb.Statement]:
        """The statements in a text, one by one. Raises `SqlError` for invalid SQL."""
        with _translated():
            return self._connection.extract_statements(text)

    def run(self, statement: duckdb.Statement) -> Result | None:
        """The result of one statement; None where it has none.

        Raises `SqlError` when DuckDB rejects it, `KeyboardInterrupt` when Ctrl-C cancelled it.
        """
        # In a thread: if DuckDB runs in the main one, Ctrl-C waits until the statement ends.
        with _translated(), ThreadPoolExecutor(max_workers=1) as pool:
            running = pool.submit(self._result, statement)
            try:
                return running.result()
            except KeyboardInterrupt:
                self._connection.interrupt()
                raise

    def _result(self, statement: duckdb.Statement) -> Result | None:
        self._connection.execute(statement)
        if statement.expected_result_type != [duckdb.ExpectedResultType.QUERY_RESULT]:
            return None
        described = self._connection.description or []
        with warnings.catch_warnings():
            # Through Arrow, because DuckDB's own rows need pytz for a time with its zone.
            warnings.simplefilter("ignore", UserWarning)
            table = self._connection.to_arrow_table()
        assert table is not None
        return Result(
            columns=[column[0] for column in described],
            types=[str(column[1]) for column in described],
            rows=list(zip(*(column.to_pylist() for column in table.columns), strict=True)),
        )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OverflowError, ValueError):
        raise SqlError("a value in the result has no form to be shown in: cast it to VARCHAR") from None
    except duckdb.Error as error:
        raise SqlError(" ".join(str(error).strip().splitlines()[0].split())) from None


@contextmanager
def opened(source: LogSource, period: Period) -> Iterator[Database]:
    """The records of the period. Raises `SourceError` or `EtlError` when they cannot be read."""
    with ExitStack() as stack:
        with TemporaryDirectory(prefix="relayctl-") as folder:
            file = Path(folder) / "records.duckdb"
            notes = _load(source, period, file)
            # DuckDB makes the directory again if a statement needs more than memory.
            config: dict[str, str | bool | int | float | list[str]] = {"temp_directory": folder}
            connection = stack.enter_context(duckdb.connect(str(file), read_only=True, config=config))
        # From here on the file has no name: nothing is left behind, however the process ends.
        connection.execute(named("sql_lock"))
        yield Database(connection, notes)


def _load(source: LogSource, period: Period, file: Path) -> tuple[str, ...]:
    findings, stored = Findings(), lists(COLUMNS)
    with TemporaryDirectory(prefix="relayctl-") as folder, translated():
        scratch = Path(folder)
        with database(file, scratch=scratch) as connection:
            inputs = source.inputs(connection, period, scratch, findings)
            inputs.rollup_files.clear()
            connection.execute(sql("create_records", **stored))
            load_records(connection, inputs, period, stored)
            connection.execute(named("sql_views"))
    return findings.sentences()
