"""The ledger: which segments are loaded, what became of their lines, and up to when everything is in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from etl.database.queries import named
from etl.rollup.rollup import When
from etl.segments.reading import Reading
from proxy.segments.lines import IntentLine


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What became of the lines of one segment."""

    segment: str
    lines: int
    loaded: int
    duplicate: int
    rejected: int


def missing(connection: psycopg.Connection, names: Iterable[str]) -> set[str]:
    """Those of the segments that are not loaded."""
    wanted = set(names)
    rows = connection.execute(named("loaded_segments"), (list(wanted),))
    return wanted - {name for (name,) in rows}


def claim(connection: psycopg.Connection, name: str) -> bool:
    """Whether this transaction may load the segment: nobody has, and nobody else is about to."""
    locked = connection.execute(named("try_lock_segment"), (name,)).fetchone()
    # A second statement, because only a snapshot taken after the lock shows what its last holder committed.
    return locked == (True,) and bool(missing(connection, [name]))


def enter(
    connection: psycopg.Connection, reading: Reading, *, loaded: int, contradicting: int, when: When
) -> Loaded:
    """Writes the row of a segment that was read to its end; `contradicting` records are rejects too."""
    account = Loaded(
        segment=reading.path.name,
        lines=reading.records + reading.rejected,
        loaded=loaded,
        duplicate=reading.records - loaded - contradicting,
        rejected=reading.rejected + contradicting,
    )
    row = {
        "name": account.segment,
        "writer": reading.name.writer,
        "number": reading.name.number,
        "sha256": reading.sha256,
        "previous": reading.previous,
        "first_seq": reading.first_seq,
        "last_seq": reading.last_seq,
        "missing_lines": reading.missing_lines,
        "lines": account.lines,
        "loaded": account.loaded,
        "duplicate": account.duplicate,
        "rejected": account.rejected,
        "intents": reading.intents,
        "recovered": reading.seal is not None and reading.seal.recovered,
        "seal_problem": reading.problem(),
        "first_hour": when.first_hour,
        "last_hour": when.last_hour,
    }
    connection.execute(named("insert_segment"), row)
    return account


def keep_intents(connection: psycopg.Connection, segment: str, intents: Iterable[IntentLine]) -> None:
    """Keeps a segment's intents without a record; sorted, so that two loaders never wait for each other."""
    rows = sorted(
        (one.created_at, one.request_id, segment, one.user_id, one.team_id, one.model) for one in intents
    )
    with connection.cursor() as cursor:
        cursor.executemany(named("insert_intent"), rows)


def set_as_of(connection: psycopg.Connection, moment: datetime) -> None:
    """Says that every segment that was sealed before the moment is loaded; never goes back."""
    connection.execute(named("set_as_of"), (moment,))
