"""The settings of an export, and a session: all connections that one process needs for one project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etl.database.connection import connect
from etl.langfuse.api import Langfuse
from etl.langfuse.connection import Credentials, RateLimiter
from etl.langfuse.content_index import ContentIndex, content_horizon
from etl.langfuse.ledger import Ledger
from etl.langfuse.postgres_ledger import PostgresLedger
from etl.langfuse.sender import Sender
from etl.langfuse.source import Period, PostgresSource, SegmentSource, Source
from etl.langfuse.span import from_milliseconds, started_ms
from etl.langfuse.sqlite_ledger import SqliteLedger

_MIN_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of the export to one project.

    Without `database_url` the records are read from `logs` and the ledger is the file `ledger`. `rate_limit`
    is in requests per minute. `timeout` is for one request, and within `lag` after its beginning Langfuse has
    stored its spans; both are in seconds.
    """

    credentials: Credentials
    database_url: str | None
    logs: Path
    ledger: Path
    environment: str = "default"
    rate_limit: int | None = None
    timeout: int = 30
    lag: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """The connections of one process to one project."""

    settings: Settings
    langfuse: Langfuse
    ledger: Ledger
    source: Source
    content_problems: list[str]

    def period(self, since: datetime | None, until: datetime | None) -> Period:
        """From `since` (None: unbounded) to `until` (None: now), truncated to milliseconds like spans."""
        now = datetime.now(UTC)
        return Period(
            since=from_milliseconds(started_ms(since)) if since else _MIN_TIME,
            until=from_milliseconds(started_ms(until or now)),
            horizon=content_horizon(self.settings.logs, now),
        )

    @contextmanager
    def sender(self) -> Iterator[Sender]:
        """A sender with an index of the content that is available now."""
        contents = ContentIndex(self.settings.logs, self.content_problems)
        with closing(contents):
            yield Sender(
                self.langfuse,
                self.ledger,
                contents,
                environment=self.settings.environment,
                lag=self.settings.lag,
            )

    def all_records(self) -> Source:
        """A source that includes completed segments."""
        return SegmentSource(self.settings.logs) if isinstance(self.source, SegmentSource) else self.source


def _open_ledger(settings: Settings, langfuse: Langfuse, project: str) -> Ledger:
    if settings.database_url is None:
        return SqliteLedger(settings.ledger, langfuse.base_url, project)
    return PostgresLedger.open(settings.database_url, langfuse.base_url, project)


@contextmanager
def session(
    settings: Settings, *, stop: threading.Event | None = None, live: bool = False
) -> Iterator[Session]:
    """Opens and closes all connections. Raises `EtlError`.

    `live` reads the segments even if there is a database, which may be an hour behind them.
    """
    with ExitStack() as stack:
        limiter = RateLimiter(per_minute=settings.rate_limit, stop=stop)
        langfuse = Langfuse(settings.credentials, limiter, timeout=settings.timeout)
        stack.callback(langfuse.close)
        ledger = _open_ledger(settings, langfuse, langfuse.project())
        stack.callback(ledger.close)
        source: Source = SegmentSource(settings.logs, ledger)
        if settings.database_url and not live:
            source = PostgresSource(stack.enter_context(connect(settings.database_url)))
        yield Session(settings=settings, langfuse=langfuse, ledger=ledger, source=source, content_problems=[])
