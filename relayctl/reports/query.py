"""The question a report puts to a source of records, and the answer it gets: exact sums per group."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, Protocol, get_args

from relayctl.reports.buckets import Bucket
from relayctl.reports.measures import Measures
from relayctl.reports.time_range import Period

Dimension = Literal["user", "team", "model"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Only requests of these users, teams and models; nothing given lets everything through."""

    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.users or self.teams or self.models)


@dataclass(frozen=True, kw_only=True)
class ReportQuery:
    """Sums per bucket and per value of the dimensions in `group_by`; the buckets are the period, cut up."""

    period: Period
    buckets: Sequence[Bucket]
    group_by: tuple[Dimension, ...] = DIMENSIONS
    filters: Filters = Filters()

    @property
    def inner_boundaries(self) -> list[datetime]:
        """Where one bucket ends and the next begins: one fewer than there are buckets."""
        return [bucket.start for bucket in self.buckets[1:]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One group: the index of its bucket, its value for each dimension in `group_by`, and what it used."""

    bucket: int
    names: tuple[str, ...]
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Cells in no particular order, at most one per group.

    `as_of` is the time up to which every sealed segment is in them (None: nothing was ever loaded); `notes`
    are sentences about what could not be counted.
    """

    cells: Sequence[Cell]
    as_of: datetime | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """How long the requests of one model took, in milliseconds; the model "" stands for all together.

    A percentile is the smallest latency that at least so many percent of the requests did not exceed: one
    that really occurred. `ttft_p50_ms` is of the streams only, None when there was none.
    """

    model: str
    requests: int
    p50_ms: Decimal
    p90_ms: Decimal
    p95_ms: Decimal
    p99_ms: Decimal
    ttft_p50_ms: Decimal | None
    ttft_p95_ms: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """All together first, then each model by name; empty where no records are kept any more.

    `since` is the moment from which on records are there, when that is later than what was asked for.
    """

    rows: Sequence[Latency]
    since: datetime | None = None


class Records(Protocol):
    """One state of the records, to be asked more than once: its answers fit together."""

    def answer(self, question: ReportQuery) -> Answer:
        """For a question within the one it was opened with; raises as `Source.answer` does."""
        ...

    def latencies(self, question: ReportQuery) -> Latencies:
        """Percentiles over the question's period and filters, which need each single record."""
        ...


class Source(Protocol):
    """Somewhere records are: PostgreSQL, or a log directory. The same records give the same answer."""

    def answer(self, question: ReportQuery) -> Answer:
        """Raises `SourceError` or `EtlError` when the records cannot be reached."""
        ...

    def opened(self, question: ReportQuery) -> AbstractContextManager[Records]:
        """The records for this question and any within it: parts of its period, some of its names or buckets.

        Raises as `answer` does.
        """
        ...
