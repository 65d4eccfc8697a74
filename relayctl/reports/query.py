"""The query that a report sends to a source of records, and the answer: exact sums per group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from etl.rollup import columns
from relayctl.reports.buckets import Bucket
from relayctl.reports.measures import Measures
from relayctl.reports.time_range import Period

Dimension = str
"""One of `DIMENSIONS`."""

COLUMNS: Final[Mapping[Dimension, str]] = {one.name: one.column for one in columns.DIMENSIONS}
"""The column of each dimension in records and rollups, which is its key in JSON and CSV too."""
DIMENSIONS: Final[tuple[Dimension, ...]] = tuple(COLUMNS)
"""The names of the dimensions, in the order in which rows show them."""
DEFAULT_GROUP_BY: Final[tuple[Dimension, ...]] = ("user", "team", "model")


@dataclass(frozen=True)
class Filters:
    """Only requests with one of the given values in each of these dimensions; without any, every request.

    A dimension without values is left out. Raises `ValueError` for an unknown dimension.
    """

    values: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := self.values.keys() - COLUMNS.keys():
            raise ValueError(f"no dimension has the name {', '.join(sorted(unknown))}")
        given = {name: tuple(self.values[name]) for name in DIMENSIONS if self.values.get(name)}
        object.__setattr__(self, "values", given)

    def __bool__(self) -> bool:
        return bool(self.values)

    def of(self, dimension: Dimension) -> tuple[str, ...]:
        """The values of one dimension; empty where it is not filtered by."""
        return self.values.get(dimension, ())

    def replaced(self, dimension: Dimension, values: Sequence[str]) -> Filters:
        """The same filters with other values in one dimension."""
        return Filters({**self.values, dimension: tuple(values)})


@dataclass(frozen=True, kw_only=True)
class ReportQuery:
    """Sums per bucket and per value of the dimensions in `group_by`; the buckets divide the period."""

    period: Period
    buckets: Sequence[Bucket]
    group_by: tuple[Dimension, ...] = DEFAULT_GROUP_BY
    filters: Filters = Filters()

    @property
    def inner_boundaries(self) -> list[datetime]:
        """Where one bucket ends and the next begins: one fewer than there are buckets."""
        return [bucket.start for bucket in self.buckets[1:]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The sums of one group, and its value in each dimension of `group_by`.

    A value is None where the source does not know it: rollups of pruned months lack the newer dimensions.
    """

    group: Mapping[Dimension, str | None]
    measures: Measures

    @property
    def names(self) -> tuple[str | None, ...]:
        """The values of the group in the order of `group_by`."""
        return tuple(self.group.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultRow(Group):
    """A group, and the index of its bucket."""

    bucket: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Rows in no particular order, at most one per group.

    `as_of` is the time up to which every sealed segment is in them (None: nothing was ever loaded); `notes`
    are sentences about what could not be counted. `coarse_requests` are requests of pruned months, whose sums
    lack the newer dimensions and the nullable tokens.
    """

    rows: Sequence[ResultRow]
    as_of: datetime | None
    coarse_requests: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Latency percentiles of one model's requests, in milliseconds; the model "" is all models together.

    A percentile is the smallest latency that at least so many percent of the requests did not exceed: one
    that occurred. `ttft_p50_ms` and `ttft_p95_ms` are over streams only, None when there was none.
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
    """All models together first, then each model by name; empty where all records are pruned.

    `since` is the time of the first records that are kept, when that is later than the period's beginning.
    """

    rows: Sequence[Latency]
    since: datetime | None = None


class Records(Protocol):
    """One state of the records, for several queries: their answers are consistent with each other."""

    def answer(self, query: ReportQuery) -> Answer:
        """For a query within the one it was opened with; raises as `Source.answer` does."""
        ...

    def latencies(self, query: ReportQuery) -> Latencies:
        """Percentiles over the query's period and filters, which need each single record."""
        ...


class Source(Protocol):
    """A source of records: PostgreSQL, or a log directory. The same records give the same answer."""

    def answer(self, query: ReportQuery) -> Answer:
        """Raises `SourceError` or `EtlError` when the records cannot be reached."""
        ...

    def opened(self, query: ReportQuery) -> AbstractContextManager[Records]:
        """The records for this query and any within it: parts of its period, some of its groups or buckets.

        Raises as `answer` does.
        """
        ...
