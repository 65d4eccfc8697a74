"""Per day and model: what the records say, what Langfuse says, and whether that is the same."""

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
from etl.langfuse.ledger import UNSENT, Ledger
from etl.langfuse.source import Page
from etl.langfuse.span import UNPRICED_TAG, moment, started_ms
from proxy.segments.record import UsageRecord

_DAY: Final = timedelta(days=1)
_COUNTED: Final = ("count", "inputTokens", "outputTokens", "totalTokens")

Key = tuple[date, str]


@dataclass(kw_only=True, slots=True)
class Sums:
    """Sums over requests. `cost_usd` is a float where Langfuse told it as a JSON number, which is one."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_usd: Decimal | float = Decimal(0)

    def agrees(self, other: Sums) -> bool:
        """Whether both are the same, the cost to the last digit that a JSON number carries."""
        counts = ("requests", "prompt_tokens", "completion_tokens", "total_tokens")
        return all(getattr(self, name) == getattr(other, name) for name in counts) and _same(
            self.cost_usd, other.cost_usd
        )


@dataclass(kw_only=True, slots=True)
class Ours(Sums):
    """What the records say, without the rejected ones; `unsent` of them are not certainly at Langfuse."""

    unsent: int = 0
    rejected: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A day (UTC) and model: what the records say, what Langfuse says."""

    day: date
    model: str
    ours: Ours
    theirs: Sums

    @property
    def agrees(self) -> bool:
        """Whether Langfuse has all of it, and nothing twice."""
        return not self.ours.unsent and self.ours.agrees(self.theirs)


def _same(one: Decimal | float, other: Decimal | float) -> bool:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one == other
    return float(one) == float(other)


def ours(pages: Iterable[Page], ledger: Ledger) -> dict[Key, Ours]:
    """What the records of a source say; a record that is there twice counts once."""
    sums: dict[Key, Ours] = defaultdict(Ours)
    with closing(sqlite3.connect("", isolation_level=None)) as seen:
        seen.execute(named("langfuse_seen_schema"))
        seen.execute("BEGIN")
        for page in pages:
            records = [item.record for item in page.items if _is_new(seen, item.record)]
            states = ledger.states([record.request_id for record in records])
            for record in records:
                day = moment(started_ms(record.created_at)).date()
                _add(sums[day, record.model], record, states.get(record.request_id))
    return dict(sums)


def _is_new(seen: sqlite3.Connection, record: UsageRecord) -> bool:
    return seen.execute(named("langfuse_seen_add"), (record.request_id,)).rowcount == 1


def _add(sums: Ours, record: UsageRecord, state: str | None) -> None:
    if state == "rejected":
        sums.rejected += 1
        return
    sums.unsent += state in UNSENT
    sums.requests += 1
    sums.prompt_tokens += record.prompt_tokens
    sums.completion_tokens += record.completion_tokens
    sums.total_tokens += record.total_tokens
    sums.cost_usd += record.cost_usd or Decimal(0)  # type: ignore[operator] # ours are never floats


def theirs(langfuse: Langfuse, day: date, since: datetime, until: datetime) -> dict[Key, Sums]:
    """What Langfuse says of the part of a day that lies in a period. Raises `LangfuseError`."""
    begin = datetime.combine(day, time.min, UTC)
    start, end = max(begin, since), min(begin + _DAY, until)
    sums: dict[Key, Sums] = defaultdict(Sums)
    for row in langfuse.measured(start, end, _COUNTED, ()):
        found = sums[day, row.get("providedModelName") or ""]
        found.requests += _number(row, "count_count")
        found.prompt_tokens += _number(row, "sum_inputTokens")
        found.completion_tokens += _number(row, "sum_outputTokens")
        found.total_tokens += _number(row, "sum_totalTokens")
    # Apart, because Langfuse puts its own price on what has none.
    for row in langfuse.measured(start, end, ("totalCost",), (UNPRICED_TAG,)):
        key = (day, row.get("providedModelName") or "")
        sums[key].cost_usd = _added(sums[key].cost_usd, row.get("sum_totalCost"))
    # The server also tells groups in which there is nothing.
    return {key: found for key, found in sums.items() if not found.agrees(Sums())}


def _number(row: Mapping[str, Any], name: str) -> int:
    return int(row.get(name) or 0)


def _added(sum_: Decimal | float, told: object) -> Decimal | float:
    if told is None:
        return sum_
    amount = told if isinstance(told, float) else Decimal(str(told))
    if not sum_:
        return amount
    return Decimal(str(sum_)) + Decimal(str(amount))


def compared(mine: Mapping[Key, Ours], other: Mapping[Key, Sums]) -> list[Compared]:
    """Both side by side, by day and model."""
    return [
        Compared(day=day, model=model, ours=mine.get((day, model), Ours()), theirs=found)
        for day, model in sorted({*mine, *other})
        for found in [other.get((day, model), Sums())]
    ]
