"""Reports from a log directory and an archive, read with DuckDB: PostgreSQL's numbers without a database."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import duckdb

from etl.archive.store import LocalStore, Store
from etl.database.queries import named
from relayctl.errors import SourceError
from relayctl.reports.query import COLUMNS, DEFAULT_GROUP_BY, Answer, Latencies, ReportQuery
from relayctl.reports.time_range import Period
from relayctl.sources import archive, loading, segments
from relayctl.sources import result_rows as cells
from relayctl.sources.archive_selection import Shelf
from relayctl.sources.file_metadata import Facts
from relayctl.sources.loading import Connection, naive
from relayctl.sources.report_inputs import Stock, know, stocked

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_SLOT_US: Final = 10**18
"""Longer than the time from year 1 to year 9999."""


@dataclass(frozen=True, kw_only=True)
class _Slots:
    """Stretches of time of one length, so long that they are few, and none holds a boundary of the buckets.

    Slot 0 begins `shift_us` before 1970, before any record: a division of negatives would not round down.
    """

    length_us: int
    shift_us: int

    @classmethod
    def between(cls, boundaries: list[datetime]) -> Self:
        moments = [_microseconds(at) for at in boundaries] or [0]
        length = math.gcd(*(moment - moments[0] for moment in moments)) or _LONGEST_SLOT_US
        return cls(length_us=length, shift_us=-(-_LONGEST_SLOT_US // length) * length - moments[0] % length)

    def divide_at(self, moment: datetime) -> bool:
        """Whether one of them begins at this moment."""
        return (_microseconds(moment) + self.shift_us) % self.length_us == 0


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def parameters(question: ReportQuery) -> dict[str, Any]:
    """What records are added up with: the slots, the dimensions to group by, the filters."""
    slots = _Slots.between(question.inner_boundaries)
    return {"slot_us": slots.length_us, "shift_us": slots.shift_us, **_parameters(question)}


# The statements of this source have three dimensions.
_COLUMNS: Final = (
    "bucket",
    *(COLUMNS[dimension] for dimension in DEFAULT_GROUP_BY),
    "requests",
    "errors",
    "cache_hits",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cost_usd",
    "unpriced_requests",
    "estimated_requests",
    "estimated_cost_usd",
    "latency_ms",
)
_LATENCY: Final = ("model", "requests", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "ttft_p50_ms", "ttft_p95_ms")
_UNREAD: Final = dict.fromkeys(("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"))


def _parameters(question: ReportQuery) -> dict[str, Any]:
    grouped = {f"by_{dimension}": dimension in question.group_by for dimension in DEFAULT_GROUP_BY}
    return grouped | _filters(question)


def _filters(question: ReportQuery) -> dict[str, Any]:
    return {f"{dimension}s": list(question.filters.of(dimension)) or None for dimension in DEFAULT_GROUP_BY}


def _period(question: ReportQuery) -> dict[str, datetime]:
    return {"since": naive(question.period.since), "until": naive(question.period.until)}


def _fits(question: ReportQuery, wide: ReportQuery) -> bool:
    """Whether the sums that were made for the wide question can tell the other one."""
    slots = _Slots.between(wide.inner_boundaries)
    return (
        question.period == wide.period
        and {*question.group_by} <= {*wide.group_by}
        and all(map(slots.divide_at, question.inner_boundaries))
        and all(
            by in wide.group_by or question.filters.of(by) == wide.filters.of(by) for by in DEFAULT_GROUP_BY
        )
    )


class LogRecords:
    """The records of a stock, added up or loaded when a question first needs it."""

    def __init__(self, connection: Connection, stock: Stock, opened: ReportQuery, answer: Answer) -> None:
        self._connection = connection
        self._stock = stock
        self._opened = opened
        self._answer = answer
        self._summed: ReportQuery | None = None
        self._is_loaded = False
        connection.execute(named("report_logs_tables"))

    def answer(self, question: ReportQuery) -> Answer:
        """Raises `SourceError` when DuckDB gives up."""
        with translated():
            made = parameters(self._sum(question))
            asked = _parameters(question) | {
                "slot_us": made["slot_us"],
                "shift_us": made["shift_us"],
                "inner_boundaries": [naive(boundary) for boundary in question.inner_boundaries],
            }
            for by, names in (("by_user", "users"), ("by_team", "teams"), ("by_model", "models")):
                # What was not grouped by was filtered while it was added up.
                asked[names] = asked[names] if made[by] else None
            rows = self._connection.execute(named("report_logs"), asked).fetchall()
        found = cells.from_rows(
            [dict(zip(_COLUMNS, row, strict=True)) | _UNREAD for row in rows], question.group_by
        )
        return Answer(rows=found, as_of=self._answer.as_of, notes=self._answer.notes)

    def latencies(self, question: ReportQuery) -> Latencies:
        """Raises `SourceError` when DuckDB gives up."""
        with translated():
            if self._summed is None or self._summed.period != self._opened.period:
                # Making sums shows whether the records are all different.
                self._sum(self._opened)
            stock = None if self._is_loaded else self._stock
            loading.add_durations(self._connection, stock, _filters(question), question.period)
            rows = self._connection.execute(named("report_logs_latencies")).fetchall()
        named_rows = [dict(zip(_LATENCY, row, strict=True)) for row in rows]
        return Latencies(rows=cells.latencies(named_rows))

    def _sum(self, question: ReportQuery) -> ReportQuery:
        """Makes sums that can tell the question, and gives the one they were made for."""
        if self._summed and _fits(question, self._summed):
            return self._summed
        wide = self._opened if _fits(question, self._opened) else question
        if self._stock.is_summed_whole() and not self._is_loaded:
            # Sums of sums are made quickly, the more so the fewer they are.
            wide = question
        if not (self._reads_little(wide) and self._is_summed(wide)):
            self._load()
            loading.add_kept_sums(self._connection, parameters(wide) | _period(wide))
        self._summed = wide
        return wide

    def _reads_little(self, wide: ReportQuery) -> bool:
        """Whether reading the stock for these sums is less than loading it for these and all that follow."""
        loose = self._stock.loose()
        if self._is_loaded or (loose.shelf.shares and self._opened.filters.of("user")):
            # Of an archive only the users that are asked for are loaded: then their twins are looked for.
            return False
        return not loose.has_files() or (self._summed is None and wide is self._opened)

    def _is_summed(self, wide: ReportQuery) -> bool:
        stock = replace(self._stock, period=wide.period)
        return loading.add_sums(self._connection, stock, parameters(wide), wide.inner_boundaries)

    def _load(self) -> None:
        if not self._is_loaded:
            users = list(self._opened.filters.of("user")) or None
            loading.load_records(self._connection, self._stock, users)
        self._is_loaded = True


@contextmanager
def translated() -> Iterator[None]:
    """Turns DuckDB's errors inside the block into `SourceError`, and what it makes of Ctrl-C into that."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        raise SourceError(f"DuckDB cannot read the segments: {str(error).splitlines()[0]}") from error


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """The sealed segments in a directory and in an archive, those that are in both once.

    `now` is the clock that says when the directory was listed. What is found out about segments is kept in
    `cache` (None: nowhere). `copy_of` is the URL that the directory is a copy of.
    """

    directory: Path
    now: Callable[[], datetime]
    archive: Store | None = None
    cache: Path | None = None
    copy_of: str | None = None

    def answer(self, question: ReportQuery) -> Answer:
        """Raises `SourceError` or `EtlError` when what it reads is not there, or DuckDB gives up."""
        with self.opened(question) as records:
            return records.answer(question)

    @contextmanager
    def opened(self, question: ReportQuery) -> Iterator[LogRecords]:
        """Raises as `answer` does."""
        findings = segments.Findings()
        as_of = self.now()
        with TemporaryDirectory(prefix="relayctl-") as folder:
            scratch = Path(folder)
            with loading.database(scratch=scratch) as connection:
                with translated():
                    stock = self.stock(connection, question.period, scratch, findings)
                empty = Answer(rows=[], as_of=as_of, notes=findings.sentences())
                yield LogRecords(connection, stock, question, empty)

    @contextmanager
    def local(self) -> Iterator[LogSource]:
        """Itself: it is on this machine."""
        yield self

    def stock(
        self, connection: Connection, period: Period, scratch: Path, findings: segments.Findings
    ) -> Stock:
        """All that there is of the period; `scratch` takes copies for as long as the stock is used."""
        # The directory first, because a segment that is removed hereafter is in the archive by then.
        listed = self._listed(findings)
        shelf = self._shelf(connection, period, scratch, findings)
        paths = shelf.without(listed, findings)
        places = shelf.places(paths)
        facts = Facts(self.directory, self.cache)
        know(connection, paths, listed, facts)
        return stocked(
            {places[path.name]: path for path in paths},
            facts,
            Stock(period=period, shelf=shelf, places=places),
            scratch=scratch,
            findings=findings,
        )

    def _shelf(
        self, connection: Connection, period: Period, scratch: Path, findings: segments.Findings
    ) -> Shelf:
        if self.archive is None:
            return Shelf()
        # What is fetched from elsewhere is another file each time.
        cache = self.cache if isinstance(self.archive, LocalStore) else None
        facts = Facts(Path(self.archive.url), cache)
        return archive.opened(self.archive, period, scratch, findings, facts=facts, connection=connection)

    def _listed(self, findings: segments.Findings) -> list[Path]:
        """The local segments. Whoever has the archive only can report on it, and is told so."""
        if self.archive and not self.directory.exists():
            findings.absent.append(str(self.directory))
            return []
        found = segments.found(self.directory, findings)
        if self.copy_of and not found:
            findings.empty.append(self.copy_of)  # in a bucket a misspelt name looks like an empty one
        return found
