"""Budgets: how much a user, a team or a model may use in a day or a month, and how much of it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from relayctl import yaml_file
from relayctl.errors import InputError
from relayctl.reports.buckets import buckets
from relayctl.reports.measures import Measures
from relayctl.reports.query import DEFAULT_GROUP_BY, Dimension, Filters, ReportQuery, Source
from relayctl.reports.time_range import Period, start_of_day, zone_named

Text = Annotated[str, Field(min_length=1, max_length=512)]
Place = tuple[datetime, Dimension, str]
_UTC: Final = ZoneInfo("UTC")
_RATIO_PLACES: Final = Decimal("0.000001")


class Budget(BaseModel):
    """One budget of one user, team or model, in USD or tokens; a warning is due at the share `warn` of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    user: Text | None = None
    team: Text | None = None
    model: Text | None = None
    period: Literal["day", "month"]
    usd: Annotated[Decimal, Field(gt=0, lt=Decimal("1e12"))] | None = None
    tokens: Annotated[int, Field(gt=0, le=2**53, strict=True)] | None = None
    warn: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.8")
    tz: str = "UTC"

    @field_validator("tz")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            return str(zone_named(name))
        except InputError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _is_of_one(self) -> Budget:
        if [self.user, self.team, self.model].count(None) != 2:
            raise ValueError("must name exactly one of user, team and model")
        if (self.usd is None) == (self.tokens is None):
            raise ValueError("must have exactly one of usd and tokens")
        return self

    @property
    def dimension(self) -> Dimension:
        """Whose budget it is."""
        return "user" if self.user is not None else "team" if self.team is not None else "model"

    @property
    def of(self) -> str:
        """The name of the user, team or model."""
        return self.user or self.team or self.model or ""

    @property
    def limit(self) -> Decimal:
        """All of it, in USD or tokens."""
        return self.usd if self.usd is not None else Decimal(self.tokens or 0)

    def since(self, at: datetime) -> datetime:
        """When its day or month began."""
        zone = ZoneInfo(self.tz)
        today = at.astimezone(zone).date()
        return start_of_day(today if self.period == "day" else today.replace(day=1), zone)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    budgets: list[Budget]

    @model_validator(mode="after")
    def _names_differ(self) -> _File:
        names = [budget.name for budget in self.budgets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"has two budgets of the name {name!r}")
        return self


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The state of a budget: `used` in its own unit, since its period began.

    `unpriced` requests are in no sum of money, so a budget in USD may be further gone than it looks.
    """

    budget: Budget
    used: Decimal
    since: datetime
    unpriced: int

    @property
    def ratio(self) -> Decimal:
        """The used share, rounded to six places."""
        return (self.used / self.budget.limit).quantize(_RATIO_PLACES)

    @property
    def is_near_its_end(self) -> bool:
        """Whether the share at which a warning is due is used; exact."""
        return self.used >= self.budget.warn * self.budget.limit


@dataclass(frozen=True, kw_only=True)
class Statement:
    """All budgets at one moment; `notes` say what the source could not count."""

    spent: Sequence[Spent]
    as_of: datetime | None
    notes: tuple[str, ...]


def read(path: Path) -> list[Budget]:
    """The budgets in a file. Raises `InputError` with one sentence."""
    return yaml_file.read(path, _File, parameter="budgets").budgets


def statement(source: Source, path: Path, at: datetime) -> Statement:
    """The state of the budgets in a file at a moment. Raises `InputError`, `SourceError` or `EtlError`."""
    return spent(source, read(path), at)


def spent(source: Source, budgets: Sequence[Budget], at: datetime) -> Statement:
    """The state of budgets at a moment: one snapshot of the source, one query per beginning and dimension.

    Raises `SourceError` or `EtlError` when the source fails.
    """
    if not budgets:
        return Statement(spent=[], as_of=None, notes=())
    sums: dict[Place, Measures] = {}
    widest = _query(min(one.since(at) for one in budgets), at, DEFAULT_GROUP_BY, Filters())
    with source.opened(widest) as records:
        for since, dimension in sorted({(one.since(at), one.dimension) for one in budgets}):
            names = {one.of for one in budgets if (one.since(at), one.dimension) == (since, dimension)}
            filters = Filters({dimension: tuple(sorted(names))})
            answer = records.answer(_query(since, at, (dimension,), filters))
            sums |= {(since, dimension, row.group[dimension] or ""): row.measures for row in answer.rows}
    return Statement(
        spent=[_spent(budget, at, sums) for budget in budgets], as_of=answer.as_of, notes=answer.notes
    )


def _query(
    since: datetime, until: datetime, group_by: tuple[Dimension, ...], filters: Filters
) -> ReportQuery:
    period = Period(since=since, until=until, zone=_UTC)
    return ReportQuery(period=period, buckets=buckets(period, "total"), group_by=group_by, filters=filters)


def _spent(budget: Budget, at: datetime, sums: dict[Place, Measures]) -> Spent:
    since = budget.since(at)
    measures = sums.get((since, budget.dimension, budget.of)) or Measures.total([])
    money = measures.cost_usd or Decimal(0)
    return Spent(
        budget=budget,
        used=money if budget.usd is not None else Decimal(measures.total_tokens),
        since=since.astimezone(UTC),
        unpriced=measures.unpriced_requests if budget.usd is not None else 0,
    )
