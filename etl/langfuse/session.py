"""Everything that one process needs to work with one Langfuse project, connected and closed together."""

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
from etl.langfuse.connection import Credentials, Pace
from etl.langfuse.content import CapturedContents, horizon
from etl.langfuse.ledger import Ledger
from etl.langfuse.postgres_ledger import PostgresLedger
from etl.langfuse.sender import Sender
from etl.langfuse.source import LogRecords, Period, PostgresRecords, Source
from etl.langfuse.span import moment, started_ms
from etl.langfuse.sqlite_ledger import LocalLedger

_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where records, ledger and Langfuse are, and how it is talked to.

    Without `database_url` the records are those of `logs` and the ledger is the file `ledger`. `timeout` is
    in seconds and of one request; `lag`, in seconds too, is what storing may take from its beginning on.
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
    """One process at one project: everything that the commands work with."""

    settings: Settings
    langfuse: Langfuse
    ledger: Ledger
    source: Source
    contents_problems: list[str]

    @property
    def pace(self) -> Pace:
        """How fast, and until when."""
        return self.langfuse.pace

    def period(self, since: datetime | None, until: datetime | None) -> Period:
        """From `since` to `until`, in whole milliseconds as Langfuse keeps them; None: everything, now."""
        now = datetime.now(UTC)
        return Period(
            since=moment(started_ms(since)) if since else _BEGINNING,
            until=moment(started_ms(until or now)),
            horizon=horizon(self.settings.logs, now),
        )

    @contextmanager
    def sender(self) -> Iterator[Sender]:
        """Something that sends to the project, with an index of the content that is there now."""
        contents = CapturedContents(self.settings.logs, self.contents_problems)
        with closing(contents):
            yield Sender(
                self.langfuse,
                self.ledger,
                contents,
                environment=self.settings.environment,
                lag=self.settings.lag,
            )

    def everything(self) -> Source:
        """All records, dealt with or not."""
        return LogRecords(self.settings.logs) if isinstance(self.source, LogRecords) else self.source


def _ledger(settings: Settings, langfuse: Langfuse, project: str) -> Ledger:
    if settings.database_url is None:
        return LocalLedger(settings.ledger, langfuse.base_url, project)
    return PostgresLedger.open(settings.database_url, langfuse.base_url, project)


@contextmanager
def session(
    settings: Settings, *, stop: threading.Event | None = None, live: bool = False
) -> Iterator[Session]:
    """Connects to everything. Raises `EtlError` in one sentence when something is missing or refuses.

    `live` reads the segments also where there is a database, which may be an hour behind them.
    """
    with ExitStack() as stack:
        pace = Pace(per_minute=settings.rate_limit, stop=stop)
        langfuse = Langfuse(settings.credentials, pace, timeout=settings.timeout)
        stack.callback(langfuse.close)
        ledger = _ledger(settings, langfuse, langfuse.project())
        stack.callback(ledger.close)
        source: Source = LogRecords(settings.logs, ledger)
        if settings.database_url and not live:
            source = PostgresRecords(stack.enter_context(connect(settings.database_url)))
        yield Session(
            settings=settings, langfuse=langfuse, ledger=ledger, source=source, contents_problems=[]
        )
