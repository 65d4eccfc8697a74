"""Checks PostgreSQL: connection, schema, clock, waiting segments, gaps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from etl.database import migrations as migrate
from etl.database.connection import connect, translate_errors
from etl.database.queries import named
from etl.errors import EtlError, SchemaError
from etl.load import status
from relayctl.doctor.finding import Finding, not_set_up, ok, problem, warning

_LATE: Final = timedelta(hours=3)
_CLOCK: Final = timedelta(seconds=2)


def database(url: str | None, logs: Path) -> Iterator[Finding]:
    """Runs every check of the database."""
    if not url:
        yield not_set_up(
            "database", "no URL is given", "set RELAY_DATABASE_URL to keep records in PostgreSQL"
        )
        return
    try:
        with connect(url) as connection:
            version = connection.info.server_version // 10000
            yield ok("database", f"PostgreSQL {version} answers")
            yield _clock(connection)
            yield from _schema(connection, logs)
    except EtlError as error:
        yield problem("database", str(error), "start it, or correct RELAY_DATABASE_URL")


def _clock(connection: psycopg.Connection) -> Finding:
    with translate_errors(connection):
        row = connection.execute(named("server_time")).fetchone()
    assert row is not None
    return clock(datetime.now(UTC) - row[0], "the database")


def clock(ahead: timedelta, other: str) -> Finding:
    """Compares this host's clock with another's; `ahead` is positive if this host's is ahead."""
    seconds = ahead.total_seconds()
    if abs(ahead) <= _CLOCK:
        return ok("clock", f"agrees with {other}")
    which = "ahead of" if seconds > 0 else "behind"
    return warning(
        "clock",
        f"{abs(seconds):.1f} s {which} {other}",
        "synchronise both, for example with chrony: records use this host's time",
    )


def _schema(connection: psycopg.Connection, logs: Path) -> Iterator[Finding]:
    try:
        migrate.check_schema(connection)
    except SchemaError as error:
        what, _, advice = str(error).rpartition(": ")
        yield problem("schema", what, advice)
        return
    except EtlError as error:
        yield problem("schema", str(error), "grant its user the privileges, or correct RELAY_DATABASE_URL")
        return
    yield ok("schema", "every migration is applied")
    found = status.read(connection, logs if logs.is_dir() else None)
    yield _waiting(found)
    if found.problem:
        what = f"gaps: {len(found.gaps):,}, rejected lines: {found.rejects:,}"
        yield problem("accounts", what, "see `relayctl etl status` and `relayctl etl rejects`")
    else:
        yield ok("accounts", "no gaps and no rejected lines")


def _waiting(found: status.Status) -> Finding:
    if not found.waiting:
        loaded = f"; loaded up to {found.as_of:%Y-%m-%d %H:%M} UTC" if found.as_of else ""
        return ok("loading", f"no segment is waiting{loaded}")
    oldest = found.oldest_waiting or datetime.now(UTC)
    since = f"the oldest since {oldest:%Y-%m-%d %H:%M} UTC"
    what = f"sealed segments not loaded yet: {found.waiting:,}, {since}"
    if datetime.now(UTC) - oldest > _LATE:
        return problem("loading", what, "run `relayctl etl run`, and schedule it every hour")
    return ok("loading", what)
