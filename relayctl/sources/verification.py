"""Proves sealed segments: the seal fits the bytes, and DuckDB finds what it tells, every field exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from etl.database.queries import named
from proxy.segments.lines import SealLine
from relayctl.sources import segments
from relayctl.sources.file_metadata import Fact, mark_or_none
from relayctl.sources.rollup_cache import Piece

_UNREADABLE = (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException)


def _sealed(path: Path) -> tuple[tuple[int, ...] | None, SealLine | None]:
    """The file's mark, taken first, and its seal where that is honest."""
    found = mark_or_none(path)
    try:
        return found, segments.honest_seal(path)
    except OSError:
        return found, None


def _read(connection: duckdb.DuckDBPyConnection, files: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """Reads files into `fresh`; gives those that DuckDB can read. Only when all can, all are in there."""
    if not files:
        return []
    asked = {
        "files": [segments.pattern(path) for _, path in files],
        "pieces": [number for number, _ in files],
    }
    try:
        connection.execute(named("report_fresh_segments"), asked)
    except _UNREADABLE:
        middle = len(files) // 2
        return [] if not middle else [*_read(connection, files[:middle]), *_read(connection, files[middle:])]
    return files


def _as_sealed(seal: SealLine, row: tuple[Any, ...] | None) -> bool:
    """Whether DuckDB found in the segment what its seal says."""
    if row is None:
        return seal.records == 0
    told = (seal.records, seal.prompt_tokens, seal.completion_tokens)
    return bool(row[7]) and row[1:4] == told and seal.cost_usd.is_finite() and row[4] == seal.cost_usd


def facts_of_fresh(connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[Any, ...]]:
    """The row of `report_fresh_facts` of each piece, by its number."""
    return {row[0]: row for row in connection.execute(named("report_fresh_facts")).fetchall()}


def fact_of(mark: tuple[int, ...], *, is_exact: bool, row: tuple[Any, ...] | None) -> Fact:
    """What such a row tells of the file."""
    first, last = (moment.replace(tzinfo=UTC) for moment in row[5:7]) if is_exact and row else (None, None)
    return Fact(mark=mark, is_exact=is_exact, first=first, last=last)


class Prover:
    """Proves the segments it was made for; their hashes are made meanwhile, by the threads of `pool`."""

    def __init__(self, pool: Executor, pieces: Iterable[Piece]) -> None:
        self._pool = pool
        self._seals = {piece.name: pool.submit(_sealed, piece.path) for piece in pieces}

    def run_checks(self, connection: duckdb.DuckDBPyConnection, pieces: Sequence[Piece]) -> dict[str, Fact]:
        """What there is to know of segments, read into `fresh`; those that are gone are left out."""
        marked = [self._sealed(piece) for piece in pieces]
        sealed = [(number, pieces[number].path) for number, (_, seal) in enumerate(marked) if seal]
        readable = _read(connection, sealed)
        if len(readable) < len(sealed):
            readable = _read(connection, readable)
        rows = facts_of_fresh(connection) if readable else {}
        told = {number for number, _ in readable}
        found = {}
        for number, (piece, (its_mark, seal)) in enumerate(zip(pieces, marked, strict=True)):
            if its_mark:
                row = rows.get(number)
                exact = seal is not None and number in told and _as_sealed(seal, row)
                found[piece.name] = fact_of(its_mark, is_exact=exact, row=row)
        return found

    def _sealed(self, piece: Piece) -> tuple[tuple[int, ...] | None, SealLine | None]:
        started = self._seals.pop(piece.name, None)
        return started.result() if started else _sealed(piece.path)
