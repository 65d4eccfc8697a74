"""The ledger of loaded segments (`etl_segments`), their unended intents, and `as_of`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from etl.database.queries import named
from etl.rollup.rollup import LoadedTimes
from etl.segments.reader import SegmentReader
from proxy.segments.lines import IntentLine


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
    """The lines of one segment, by outcome."""

    segment: str
    lines: int
    loaded: int
    duplicate: int
    rejected: int


def unloaded(connection: psycopg.Connection, names: Iterable[str]) -> set[str]:
    """Those of the segments that are not loaded."""
    wanted = set(names)
    rows = connection.execute(named("loaded_segments"), (list(wanted),))
    return wanted - {name for (name,) in rows}


def claim(connection: psycopg.Connection, name: str) -> bool:
    """Locks a segment for this transaction; False when it is loaded or locked by another process."""
    locked = connection.execute(named("try_lock_segment"), (name,)).fetchone()
    # A second statement, because only a snapshot taken after the lock shows what its last holder committed.
    return locked == (True,) and bool(unloaded(connection, [name]))


def segment_values(reader: SegmentReader, times: LoadedTimes) -> dict[str, Any]:
    """The columns of a ledger row that come from reading a segment to its end."""
    integrity = reader.integrity
    return {
        "name": reader.path.name,
        "previous": integrity.previous,
        "first_seq": integrity.first_seq,
        "last_seq": integrity.last_seq,
        "missing_lines": integrity.missing_lines,
        "intents": reader.intents,
        "recovered": integrity.is_recovered,
        "seal_problem": integrity.problem(),
        "first_hour": times.first_hour,
        "last_hour": times.last_hour,
    }


def insert_segment(
    connection: psycopg.Connection,
    reader: SegmentReader,
    *,
    loaded: int,
    contradicting: int,
    times: LoadedTimes,
) -> LoadResult:
    """Inserts the row of a segment that was read to its end; `contradicting` records count as rejects."""
    result = LoadResult(
        segment=reader.path.name,
        lines=reader.records + reader.rejected,
        loaded=loaded,
        duplicate=reader.records - loaded - contradicting,
        rejected=reader.rejected + contradicting,
    )
    row = segment_values(reader, times) | {
        "writer": reader.name.writer,
        "number": reader.name.number,
        "sha256": reader.integrity.sha256,
        "lines": result.lines,
        "loaded": result.loaded,
        "duplicate": result.duplicate,
        "rejected": result.rejected,
    }
    connection.execute(named("insert_segment"), row)
    return result


def insert_intents(connection: psycopg.Connection, segment: str, intents: Iterable[IntentLine]) -> None:
    """Stores intents of a segment that have no record; sorted, to avoid deadlocks between loaders."""
    rows = sorted(
        (one.created_at, one.request_id, segment, one.user_id, one.team_id, one.model) for one in intents
    )
    with connection.cursor() as cursor:
        cursor.executemany(named("insert_intent"), rows)


def set_as_of(connection: psycopg.Connection, moment: datetime) -> None:
    """Records that every segment sealed before the moment is loaded; never moves back."""
    connection.execute(named("set_as_of"), (moment,))
