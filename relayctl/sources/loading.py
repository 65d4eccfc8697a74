"""Adds up or loads in DuckDB what a stock holds: from volumes what they tell, the rest from records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import duckdb

from etl.database.queries import named
from relayctl.reports.time_range import Period
from relayctl.sources import segments
from relayctl.sources.archive_selection import load_twins, shares_of
from relayctl.sources.report_inputs import HOUR, Stock, past

Connection = duckdb.DuckDBPyConnection

Shape = Literal["report", "sql"]

_MOST_MEMORY: Final = "300MB"
_BOUND: Final = f"SET memory_limit = '{_MOST_MEMORY}'"
_DAY: Final = timedelta(days=1)


def naive(moment: datetime) -> datetime:
    """The moment as DuckDB holds it: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def database(file: Path | None = None, *, scratch: Path | None = None) -> Connection:
    """An empty one, in memory or in a new file, which loads no extension.

    With `scratch` its memory is bounded: what does not fit goes there, because records are many.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if scratch:
        config |= {"temp_directory": str(scratch / "spilled"), "memory_limit": _MOST_MEMORY}
    connection = duckdb.connect(str(file or ":memory:"), config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # it would be shown on stdout, among the data
    return connection


_STATEMENTS: Final = {
    "report": ("report_lines", "report_archive_lines"),
    "sql": ("sql_lines", "sql_archive_lines"),
}
"""By shape, what reads records from segments and from the archive."""


def _bounds(period: Period) -> dict[str, datetime]:
    return {"since": naive(period.since), "until": naive(period.until)}


def _sources(
    stock: Stock, users: list[str] | None, shape: Shape = "report"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements that give the records of the stock, by name, each with its parameters."""
    period = _bounds(stock.period)
    lines, archived = _STATEMENTS[shape]
    for files in (stock.exact, stock.copies):
        if files:
            patterns = [segments.pattern(path) for path in files.values()]
            yield lines, {"files": patterns, "places": list(files)} | period
    for share in shares_of(stock.shelf, stock.places, users):
        yield archived, share | period


def _over(what: str, records: str) -> str:
    """The statement `what` over the records that another one gives, both by name."""
    return named(what).replace("/* record */", named(records), 1)


def _added_volumes(
    connection: Connection, stock: Stock, asked: dict[str, Any], boundaries: Sequence[datetime]
) -> list[Stock]:
    """Adds up what volumes can tell between these boundaries; gives what is left for the records to tell."""
    period = stock.period
    since, until = (
        period.since + -past(period.since, HOUR) % HOUR,
        period.until - past(period.until, HOUR),
    )
    if not stock.summed.days or since >= until or any(past(moment, HOUR) for moment in boundaries):
        return [stock]
    by_day = not any(past(moment, _DAY) for moment in (period.since, *boundaries, period.until))
    bounds = {"since": naive(since), "until": naive(until)}
    for files, days in stock.summed.days.items():
        told = {"file": segments.pattern(files[by_day]), "days": days}
        connection.execute(named("report_add_volumes"), asked | bounds | told)
    return [stock.loose(), stock.edge(period.since, since), stock.edge(until, period.until)]


def add_sums(
    connection: Connection, stock: Stock, asked: dict[str, Any], boundaries: Sequence[datetime]
) -> bool:
    """Adds up the records, and keeps none of them; False when one of them is there twice.

    `boundaries` are those inside the period that the sums must be able to tell.
    """
    connection.execute(named("report_logs_forget_sums"))
    left, *edges = _added_volumes(connection, stock, asked, boundaries)
    if left.has_files():
        # The identities of what is added up must stay in memory.
        connection.execute("RESET memory_limit")
    for part in (left, *edges):
        for records, parameters in _sources(part, None):
            connection.execute(_over("report_add_sums", records), parameters | asked)
    connection.execute(_BOUND)
    return not connection.execute(named("report_logs_duplicates")).fetchall()[0][0]


def add_kept_sums(connection: Connection, asked: dict[str, Any]) -> None:
    """Adds up the records that were loaded, in the place of what was added up before."""
    connection.execute(named("report_logs_forget_sums"))
    connection.execute(_over("report_add_sums", "report_all_records"), asked)


def add_durations(connection: Connection, stock: Stock | None, asked: dict[str, Any], period: Period) -> None:
    """Notes how long each request took, in the place of what was noted before.

    From a stock that holds no record twice, or (None) from the records that were loaded.
    """
    connection.execute(named("report_logs_forget_durations"))
    asked = asked | _bounds(period)
    if stock is None:
        connection.execute(_over("report_logs_durations", "report_all_records"), asked)
        return
    for records, parameters in _sources(stock, asked["users"]):
        connection.execute(_over("report_logs_durations", records), parameters | asked)


def load_records(
    connection: Connection, stock: Stock, users: list[str] | None, *, shape: Shape = "report"
) -> None:
    """Loads each record once: of several with one identity the first in order of segment and line.

    `shape` says which fields of the records are loaded.
    """
    for records, parameters in _sources(stock, users, shape):
        connection.execute(_over("report_add_records", records), parameters)
    if users and stock.shelf.shares:
        load_twins(connection, stock.shelf, stock.places, users)
    connection.execute(named("report_logs_forget_duplicates"))
