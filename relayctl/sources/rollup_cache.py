"""Sums by hour of files that never change, made once: later reports add up these, and read few records.

Only sums that can be added are made: a day whose records are not all different has none, and is read anew.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from etl.database.queries import named
from relayctl.sources.file_metadata import Fact, Facts, Volume
from relayctl.sources.segments import pattern

_CHUNK_RECORDS: Final = 500_000
"""How many are read at once: it decides how much memory is taken."""
_ROW_GROUP: Final = 40_960
"""So few rows that files of some ten thousand are read by more than one thread."""
_MOST_FILES: Final = 8
_MOST_WAITING: Final = 600_000
"""How many sums wait in memory until they are written together."""
_TOO_LARGE: Final = (duckdb.ConversionException, duckdb.OutOfRangeException)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file of records that never changes; `day` is the one that its sums belong to.

    `records` is about how many it holds.
    """

    name: str
    path: Path
    day: str
    records: int


Examine = Callable[[duckdb.DuckDBPyConnection, Sequence[Piece]], dict[str, Fact]]
"""Reads pieces into the table `fresh`, each under its index, and gives what there is to know of each."""

Span = tuple[datetime, datetime]


def spans(facts: Iterable[Fact]) -> list[Span]:
    """When the records of these pieces were, ends included: as few stretches of time as can be, in order."""
    found: list[Span] = []
    for first, last in sorted((fact.first, fact.last) for fact in facts if fact.first and fact.last):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def meets(fact: Fact, among: Sequence[Span]) -> bool:
    """Whether the piece has records in a time that touches one of these, which are disjoint and in order."""
    if fact.first is None or fact.last is None:
        return False
    at = bisect_left(among, fact.first, key=lambda span: span[1])
    return at < len(among) and among[at][0] <= fact.last


def _chunks(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    chunk: list[Piece] = []
    size = 0
    for piece in pieces:
        if chunk and size + piece.records > _CHUNK_RECORDS:
            yield chunk
            chunk, size = [], 0
        chunk.append(piece)
        size += piece.records
    if chunk:
        yield chunk


class _Learning:
    """One run over pieces that are new, and over known ones that may hold a record of theirs."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, facts: Facts, run_checks: Examine) -> None:
        self._connection = connection
        self._facts = facts
        self._examine = run_checks
        self._numbered: list[Piece] = []
        self._without: set[str] = set()
        self._done: set[str] = set()
        self._waiting = 0
        connection.execute(named("report_volume_tables"))

    def read(self, chunk: list[Piece], *, new: bool) -> dict[str, Fact]:
        """What there is to know of pieces; their identities are noted, and their sums where they are new."""
        found = self._examine(self._connection, chunk)
        exact = [at for at, piece in enumerate(chunk) if piece.name in found and found[piece.name].is_exact]
        if exact:
            numbers = [len(self._numbered) + number for number in range(len(exact))]
            self._numbered += [chunk[at] for at in exact]
            self._connection.execute(named("report_fresh_ids"), {"pieces": exact, "numbers": numbers})
        if exact and new:
            days = [chunk[at].day for at in exact]
            try:
                inserted = self._connection.execute(
                    named("report_fresh_hours"), {"pieces": exact, "days": days}
                )
                self._waiting += inserted.fetchall()[0][0]
            except _TOO_LARGE:
                self._without.update(days)
        return found

    def finish(self, days: Iterable[str], *, last: bool) -> None:
        """Tells that all new pieces of these days are read; writes them when there are enough, or no more."""
        self._done.update(days)
        if last or self._waiting > _MOST_WAITING:
            self._write(sorted(self._done))
            self._done.clear()
            self._waiting = 0

    def _write(self, days: Iterable[str]) -> None:
        """Writes the volumes of days; where that fails they have none."""
        added = {day: [one.name for one in self._numbered if one.day == day] for day in days}
        before = {day: self._facts.volumes.pop(day, Volume(pieces=())) for day, new in added.items() if new}
        stem, summed = uuid.uuid4().hex, [day for day in before if day not in self._without]
        with suppress(OSError, duckdb.IOException, *_TOO_LARGE):
            for day in summed:
                if earlier := before[day].stem:
                    asked = {"day": day, "file": pattern(self._facts.files(earlier)[0])}
                    self._connection.execute(named("report_volume_before"), asked)
            by_hour, by_day = self._facts.files(stem)
            _store(self._connection, "report_volume_hours", {"days": summed}, by_hour)
            _store(self._connection, "report_volume_days", {"days": summed}, by_day)
            sizes = self._facts.sizes(stem)
            for day in summed:
                parted = before[day].pieces and not before[day].stem
                self._facts.volumes[day] = Volume(
                    pieces=(*before[day].pieces, *added[day]),
                    stem=None if parted else stem,
                    sizes=() if parted else sizes,
                )
        self._connection.execute(named("report_volume_written"), {"days": list(added)})

    def part_clashing(self) -> None:
        """Takes the sums from every day that holds a record which is there twice."""
        for (number,) in self._connection.execute(named("report_ids_clashing")).fetchall():
            day = self._numbered[number].day
            if volume := self._facts.volumes.get(day):
                self._facts.volumes[day] = Volume(pieces=volume.pieces)


def _store(
    connection: duckdb.DuckDBPyConnection, statement: str, asked: Mapping[str, Any], file: Path
) -> None:
    """Writes the sums that a statement gives. Raises `OSError`, or what DuckDB raises."""
    connection.sql(named(statement), params=asked).write_parquet(
        str(file), compression="lz4", row_group_size=_ROW_GROUP
    )


def _join(connection: duckdb.DuckDBPyConnection, facts: Facts) -> None:
    """Makes one file of many, which take longer to open than to read; where that fails they stay."""
    stems, stem = facts.stems(), uuid.uuid4().hex
    if len(stems) <= _MOST_FILES:
        return
    summed = {day: volume for day, volume in facts.volumes.items() if volume.stem}
    asked = {
        "days": list(summed),
        "files": [stems.index(volume.stem) for volume in summed.values() if volume.stem],
    }
    with suppress(OSError, duckdb.IOException):
        for grain, file in enumerate(facts.files(stem)):
            paths = [pattern(facts.files(one)[grain]) for one in stems]
            _store(connection, "report_volumes_joined", asked | {"paths": paths}, file)
        for day, volume in summed.items():
            facts.volumes[day] = Volume(pieces=volume.pieces, stem=stem, sizes=facts.sizes(stem))
        for one in stems:
            facts.discard(one)


def learn(
    connection: duckdb.DuckDBPyConnection,
    facts: Facts,
    new: Iterable[Piece],
    known: Iterable[Piece],
    run_checks: Examine,
) -> None:
    """Takes new pieces into the facts, and their sums into the volumes of their days."""
    chunks = [*_chunks(sorted(new, key=lambda piece: (piece.day, piece.name)))]
    if facts.folder is None:
        for chunk in chunks:
            facts.pieces |= run_checks(connection, chunk)
        return
    if not chunks:
        return
    run, found = _Learning(connection, facts, run_checks), dict[str, Fact]()
    for chunk, following in zip(chunks, [*chunks[1:], []], strict=True):
        found |= run.read(chunk, new=True)
        unfinished = {piece.day for piece in following[:1]}
        run.finish({piece.day for piece in chunk} - unfinished, last=not following)
    among = spans(found.values())
    for beside in _chunks(piece for piece in known if meets(facts.pieces[piece.name], among)):
        run.read(beside, new=False)
    run.part_clashing()
    _join(connection, facts)
    facts.pieces |= found
