"""Where records are: a PostgreSQL that the ETL fills, or the log directory itself, read with DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from relayctl.errors import InputError, SourceError
from relayctl.question import Source

Kind = Literal["auto", "postgres", "logs"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
DEFAULT_LOGS: Final = "var/logs"


def utc_now() -> datetime:
    """The clock of every report that is given no other."""
    return datetime.now(UTC)


def open_source(
    kind: Kind, database_url: str | None, logs: str, *, now: Callable[[], datetime] = utc_now
) -> Source:
    """The source to ask; `auto` is PostgreSQL when a URL is given, else the logs. Connects to nothing yet.

    Raises `InputError` for PostgreSQL without a URL, `SourceError` for logs that are not a local directory.
    """
    # Each driver is imported only where it is used: together they take longer than most reports.
    if kind == "postgres" or (kind == "auto" and database_url):
        if not database_url:
            raise InputError(
                "source", "source postgres needs a database: give --database-url or set RELAY_DATABASE_URL"
            )
        from relayctl.sources.postgres import PostgresSource  # noqa: PLC0415 - see above

        return PostgresSource(url=database_url)
    if "://" in logs:
        raise SourceError(f"logs can be read from a local directory only by this version, not from {logs}")
    from relayctl.sources.logs import LogSource  # noqa: PLC0415 - see above

    return LogSource(directory=Path(logs), now=now)
