"""Opens a source of records: PostgreSQL, filled by the ETL, or the log directory, read with DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from relayctl.errors import InputError
from relayctl.reports.query import Source

if TYPE_CHECKING:  # at run time only where it is used: see open_source
    from relayctl.sources.logs import LogSource
    from relayctl.sources.remote_logs import RemoteLogSource

Kind = Literal["auto", "postgres", "logs"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
DEFAULT_LOGS: Final = "var/logs"


def utc_now() -> datetime:
    """The default clock of reports."""
    return datetime.now(UTC)


def open_source(
    kind: Kind,
    database_url: str | None,
    logs: str,
    *,
    archive: str | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Source:
    """The data source; `auto` is PostgreSQL when a URL is given, else the logs. Opens no connection yet.

    `logs` and `archive` are directories or `s3://bucket/prefix`; both are read together.
    Raises `InputError` for PostgreSQL without a URL, `EtlError` for an address that is neither.
    """
    # Each driver is imported only where it is used: together they take longer than most reports.
    if kind == "postgres" or (kind == "auto" and database_url):
        if not database_url:
            raise InputError(
                "source", "source postgres needs a database: give --database-url or set RELAY_DATABASE_URL"
            )
        from relayctl.sources.postgres import PostgresSource  # noqa: PLC0415 - see above

        return PostgresSource(url=database_url)
    return _log_source(logs, archive, now)


def _log_source(logs: str, archive: str | None, now: Callable[[], datetime]) -> LogSource | RemoteLogSource:
    from etl.archive.store import open_store  # noqa: PLC0415 - see above
    from relayctl.sources.logs import LogSource  # noqa: PLC0415 - see above
    from relayctl.sources.rollup_cache import cache_directory  # noqa: PLC0415 - see above

    store = open_store(archive) if archive else None
    if "://" in logs:
        from relayctl.sources.remote_logs import RemoteLogSource  # noqa: PLC0415 - see above

        return RemoteLogSource(store=open_store(logs), archive=store, now=now)
    return LogSource(directory=Path(logs), archive=store, now=now, cache=cache_directory())


def local_logs(logs: str, archive: str | None) -> AbstractContextManager[LogSource]:
    """Logs and archive on this machine; logs from S3 are copied.

    Raises `SourceError` or `EtlError` when they cannot be read.
    """
    return _log_source(logs, archive, utc_now).local()
