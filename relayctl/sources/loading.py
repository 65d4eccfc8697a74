"""Loads the records of segments and of an archive into DuckDB, and decides who reads a segment: DuckDB or we.

A segment that its seal vouches for is read by DuckDB alone, once DuckDB has shown that it finds in it what
the seal says, every field exactly. Any other is read line by line, by the function that the ETL reads with.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import duckdb

from etl.queries import named
from proxy.segment import SealLine
from relayctl.period import Period
from relayctl.sources import segments
from relayctl.sources.archive import Shelf, load_twins, shares_of
from relayctl.sources.facts import Fact, Facts, mark

Connection = duckdb.DuckDBPyConnection

Shape = Literal["report", "sql"]

_MOST_MEMORY: Final = "300MB"


@dataclass(frozen=True, kw_only=True)
class Stock:
    """All there is of a period: segments and strict copies by place in the order of all; the archive."""

    period: Period
    exact: dict[int, Path] = field(default_factory=dict)
    copies: dict[int, Path] = field(default_factory=dict)
    shelf: Shelf
    places: dict[str, int]


def naive(moment: datetime) -> datetime:
    """The moment as DuckDB holds it: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def database(file: Path | None = None, *, scratch: Path | None = None) -> Connection:
    """An empty one, in memory or in a new file, which loads no extension; `scratch` takes what it spills."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if scratch:
        config["temp_directory"] = str(scratch / "spilled")
    connection = duckdb.connect(str(file or ":memory:"), config=config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _seal(path: Path) -> SealLine | None:
    try:
        return segments.honest_seal(path)
    except OSError:
        return None


def _read(connection: Connection, files: list[tuple[int, Path]]) -> dict[int, tuple[Any, ...]]:
    """The row of `report_facts` of each file that DuckDB can read, by its place."""
    if not files:
        return {}
    asked = {
        "files": [segments.pattern(path) for _, path in files],
        "places": [place for place, _ in files],
    }
    try:
        rows = connection.execute(named("report_facts"), asked).fetchall()
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException):
        middle = len(files) // 2
        return {} if not middle else _read(connection, files[:middle]) | _read(connection, files[middle:])
    return {row[0]: row for row in rows}


def _as_sealed(seal: SealLine, row: tuple[Any, ...] | None) -> bool:
    """Whether DuckDB found in the segment what its seal says."""
    if row is None:
        return seal.records == 0
    told = (seal.records, seal.prompt_tokens, seal.completion_tokens)
    return bool(row[7]) and row[1:4] == told and seal.cost_usd.is_finite() and row[4] == seal.cost_usd


def _examined(connection: Connection, paths: dict[int, Path]) -> dict[int, Fact]:
    """What there is to know of new segments; those that cannot be read are left out."""
    with ThreadPoolExecutor() as pool:
        marks = dict(zip(paths, pool.map(_mark, paths.values()), strict=True))
        seals = dict(zip(paths, pool.map(_seal, paths.values()), strict=True))
    sealed = [(place, path) for place, path in paths.items() if seals[place]]
    rows = _read(connection, sealed)
    facts = {}
    for place, its_mark in marks.items():
        seal, row = seals[place], rows.get(place)
        if its_mark is None:
            continue
        exact = seal is not None and _as_sealed(seal, row)
        first, last = (moment.replace(tzinfo=UTC) for moment in row[5:7]) if exact and row else (None, None)
        facts[place] = Fact(mark=its_mark, is_exact=exact, first=first, last=last)
    return facts


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        return mark(path)
    except OSError:
        return None


def taken(
    connection: Connection,
    paths: dict[int, Path],
    stock: Stock,
    facts: Facts,
    *,
    scratch: Path,
    findings: segments.Findings,
) -> None:
    """Puts segments, given by their places, into the stock; those without a record of the period stay out."""
    known = {place: fact for place, path in paths.items() if (fact := facts.of(path))}
    new = {place: path for place, path in paths.items() if place not in known}
    known |= _examined(connection, new) if new else {}
    facts.keep({paths[place].name: fact for place, fact in known.items()})
    for place, path in paths.items():
        fact = known.get(place)
        if fact and not fact.may_hold(stock.period.since, stock.period.until):
            continue
        if fact and fact.is_exact:
            stock.exact[place] = path
            continue
        copy = scratch / f"{place}.jsonl"
        try:
            segments.write_clean_copy(path, copy, findings)
        except OSError as error:
            findings.unreadable.append(f"{path.name}: {error.strerror}")
            continue
        stock.copies[place] = copy


_STATEMENTS: Final = {
    "report": ("report_lines", "report_archive_lines"),
    "sql": ("sql_lines", "sql_archive_lines"),
}
"""By shape, what reads records from segments and from the archive."""


def _sources(
    stock: Stock, users: list[str] | None, shape: Shape = "report"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements that give the records of the stock, by name, each with its parameters."""
    period = {"since": naive(stock.period.since), "until": naive(stock.period.until)}
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


def add_sums(connection: Connection, stock: Stock, asked: dict[str, Any]) -> bool:
    """Adds up the records, and keeps none of them; False when one of them is there twice."""
    for records, parameters in _sources(stock, None):
        connection.execute(_over("report_add_sums", records), parameters | asked)
    return not connection.execute(named("report_logs_duplicates")).fetchall()[0][0]


def add_kept_sums(connection: Connection, asked: dict[str, Any]) -> None:
    """Adds up the records that were loaded, in the place of what was added up before."""
    connection.execute(named("report_logs_forget_sums"))
    connection.execute(_over("report_add_sums", "report_all_records"), asked)


def load_records(
    connection: Connection, stock: Stock, users: list[str] | None, *, shape: Shape = "report"
) -> None:
    """Loads each record once: of several with one identity the first in order of segment and line.

    `shape` says which fields of the records are loaded.
    """
    # What does not fit goes to the disk: records are many.
    connection.execute(f"SET memory_limit = '{_MOST_MEMORY}'")
    for records, parameters in _sources(stock, users, shape):
        connection.execute(_over("report_add_records", records), parameters)
    if users and stock.shelf.shares:
        load_twins(connection, stock.shelf, stock.places, users)
    connection.execute(named("report_logs_forget_duplicates"))
