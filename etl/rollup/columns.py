"""The one description of the rollup's columns: the dimensions it groups by and the measures it sums.

The statements that fill and read rollups, their COPY lists, the tables of the report cache and the reports'
columns are made from this description or checked against it. The SQL is valid in PostgreSQL and in DuckDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["count", "tokens", "money", "milliseconds"]
"""What a measure counts: requests, tokens, USD (exact decimals) or milliseconds (exact decimals)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimension:
    """What requests are grouped and filtered by: its public name, and its column in records and rollups."""

    name: str
    column: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A sum over a group of requests.

    `of_records` is its SQL over the columns of `usage_records`; over a rollup it is always `sum(<name>)`. A
    nullable measure is NULL where no request of the group has a value: unknown, which is not 0.
    """

    name: str
    kind: Kind
    of_records: str
    nullable: bool = False


_IS_ERROR: Final = "status >= 400 OR error_type IS NOT NULL"
_IS_ESTIMATED: Final = "usage_source = 'estimated'"

DIMENSIONS: Final = (
    Dimension(name="user", column="user_id"),
    Dimension(name="team", column="team_id"),
    Dimension(name="model", column="model"),
    Dimension(name="provider", column="provider"),
    Dimension(name="key", column="key_id"),
    Dimension(name="endpoint", column="endpoint"),
)

MEASURES: Final = (
    Measure(name="requests", kind="count", of_records="count(*)"),
    Measure(name="errors", kind="count", of_records=f"count(*) FILTER (WHERE {_IS_ERROR})"),
    Measure(name="cache_hits", kind="count", of_records="count(*) FILTER (WHERE cache_hit)"),
    Measure(name="prompt_tokens", kind="tokens", of_records="sum(prompt_tokens)"),
    Measure(name="completion_tokens", kind="tokens", of_records="sum(completion_tokens)"),
    Measure(name="total_tokens", kind="tokens", of_records="sum(total_tokens)"),
    Measure(name="cost_usd", kind="money", of_records="sum(cost_usd)", nullable=True),
    Measure(name="unpriced_requests", kind="count", of_records="count(*) FILTER (WHERE cost_usd IS NULL)"),
    Measure(name="estimated_requests", kind="count", of_records=f"count(*) FILTER (WHERE {_IS_ESTIMATED})"),
    Measure(
        name="estimated_cost_usd",
        kind="money",
        of_records=f"sum(cost_usd) FILTER (WHERE {_IS_ESTIMATED})",
        nullable=True,
    ),
    Measure(name="latency_ms", kind="milliseconds", of_records="sum(latency_ms)"),
    Measure(name="cache_read_tokens", kind="tokens", of_records="sum(cache_read_tokens)", nullable=True),
    Measure(name="cache_write_tokens", kind="tokens", of_records="sum(cache_write_tokens)", nullable=True),
    Measure(name="reasoning_tokens", kind="tokens", of_records="sum(reasoning_tokens)", nullable=True),
)

_GROUP: Final = [one.column for one in DIMENSIONS]
_NAMES: Final = [one.name for one in MEASURES]

SQL: Final[Mapping[str, str]] = {
    "dimensions": ", ".join(_GROUP),
    "measures": ", ".join(_NAMES),
    "measures_of_records": ", ".join(f"{one.of_records} AS {one.name}" for one in MEASURES),
    "sums": ", ".join(f"sum({name}) AS {name}" for name in _NAMES),
    "compared": ", ".join(f"('{name}', s.{name}::numeric, m.{name}::numeric)" for name in _NAMES),
}
"""The lists for placeholders in statements. `compared` pairs the measures of two rows, named s and m."""
