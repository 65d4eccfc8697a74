"""Sums per day and model: of the records, of Langfuse, and their comparison."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from etl.database.queries import named
from etl.langfuse.api import Langfuse
from etl.langfuse.ledger import UNCONFIRMED, Ledger
from etl.langfuse.source import Page
from etl.langfuse.span import UNPRICED_TAG, from_milliseconds, started_ms
from proxy.segments.record import UsageRecord

_DAY: Final = timedelta(days=1)
_COUNT_MEASURES: Final = ("count", "inputTokens", "outputTokens", "totalTokens")

Key = tuple[date, str]
"""UTC day and model."""


@dataclass(kw_only=True, slots=True)
class Sums:
    """Sums over requests. `cost_usd` is a float where Langfuse returned it as a JSON number."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_usd: Decimal | float = Decimal(0)

    def agrees(self, other: Sums) -> bool:
        """Whether both are equal; the costs as floats if one of them is a float."""
        counts = ("requests", "prompt_tokens", "completion_tokens", "total_tokens")
        return all(getattr(self, name) == getattr(other, name) for name in counts) and _are_equal(
            self.cost_usd, other.cost_usd
        )


@dataclass(kw_only=True, slots=True)
class RecordSums(Sums):
    """Sums over records without those that Langfuse rejected; it may not have `unsent` of them."""

    unsent: int = 0
    rejected: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The sums of a UTC day and model over the records and in Langfuse."""

    day: date
    model: str
    records: RecordSums
    langfuse: Sums

    @property
    def agrees(self) -> bool:
        """Whether Langfuse has every request exactly once."""
        return not self.records.unsent and self.records.agrees(self.langfuse)


def _are_equal(one: Decimal | float, other: Decimal | float) -> bool:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one == other
    return float(one) == float(other)


def sum_records(pages: Iterable[Page], ledger: Ledger) -> dict[Key, RecordSums]:
    """Sums over the records of a source; a duplicate record counts once."""
    sums: dict[Key, RecordSums] = defaultdict(RecordSums)
    with closing(sqlite3.connect("", isolation_level=None)) as seen:
        seen.execute(named("langfuse_seen_schema"))
        seen.execute("BEGIN")
        for page in pages:
            records = [one.record for one in page.records if _is_new(seen, one.record)]
            states = ledger.states([record.request_id for record in records])
            for record in records:
                day = from_milliseconds(started_ms(record.created_at)).date()
                _add(sums[day, record.model], record, states.get(record.request_id))
    return dict(sums)


def _is_new(seen: sqlite3.Connection, record: UsageRecord) -> bool:
    return seen.execute(named("langfuse_seen_insert"), (record.request_id,)).rowcount == 1


def _add(sums: RecordSums, record: UsageRecord, state: str | None) -> None:
    if state == "rejected":
        sums.rejected += 1
        return
    sums.unsent += state in UNCONFIRMED
    sums.requests += 1
    sums.prompt_tokens += record.prompt_tokens
    sums.completion_tokens += record.completion_tokens
    sums.total_tokens += record.total_tokens
    sums.cost_usd += record.cost_usd or Decimal(0)  # type: ignore[operator] # never a float in records


def query_sums(langfuse: Langfuse, day: date, since: datetime, until: datetime) -> dict[Key, Sums]:
    """Langfuse's sums of the part of a day that is in a period. Raises `LangfuseError`."""
    begin = datetime.combine(day, time.min, UTC)
    start, end = max(begin, since), min(begin + _DAY, until)
    sums: dict[Key, Sums] = defaultdict(Sums)
    for row in langfuse.query_metrics(start, end, _COUNT_MEASURES, ()):
        found = sums[day, row.get("providedModelName") or ""]
        found.requests += _integer(row, "count_count")
        found.prompt_tokens += _integer(row, "sum_inputTokens")
        found.completion_tokens += _integer(row, "sum_outputTokens")
        found.total_tokens += _integer(row, "sum_totalTokens")
    # A separate query, because Langfuse computes a price for unpriced requests.
    for row in langfuse.query_metrics(start, end, ("totalCost",), (UNPRICED_TAG,)):
        key = (day, row.get("providedModelName") or "")
        sums[key].cost_usd = _add_cost(sums[key].cost_usd, row.get("sum_totalCost"))
    # The server also returns empty groups.
    return {key: found for key, found in sums.items() if not found.agrees(Sums())}


def _integer(row: Mapping[str, Any], name: str) -> int:
    return int(row.get(name) or 0)


def _add_cost(total: Decimal | float, value: object) -> Decimal | float:
    if value is None:
        return total
    amount = value if isinstance(value, float) else Decimal(str(value))
    if not total:
        return amount
    return Decimal(str(total)) + Decimal(str(amount))


def compare(records: Mapping[Key, RecordSums], langfuse: Mapping[Key, Sums]) -> list[Comparison]:
    """Compares both by day and model."""
    return [
        Comparison(
            day=day,
            model=model,
            records=records.get((day, model), RecordSums()),
            langfuse=langfuse.get((day, model), Sums()),
        )
        for day, model in sorted({*records, *langfuse})
    ]
