"""Budgets of a user, team or model per day or month: reads the file and computes how much is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from relayctl import yaml_file
from relayctl.errors import InputError, RelayctlError
from relayctl.reports.buckets import buckets
from relayctl.reports.measures import Measures
from relayctl.reports.query import DEFAULT_GROUP_BY, Dimension, Filters, ReportQuery, Source
from relayctl.reports.time_range import Period, start_of_day, zone_named

Text = Annotated[str, Field(min_length=1, max_length=512)]
Key = tuple[datetime, Dimension, str]
_UTC: Final = ZoneInfo("UTC")
_RATIO_PLACES: Final = Decimal("0.000001")


class Budget(BaseModel):
    """A budget of one user, team or model, in USD or tokens; `warn` is the ratio from which to warn."""

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
    def _check_zone(cls, name: str) -> str:
        try:
            return str(zone_named(name))
        except InputError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _check_exactly_one(self) -> Budget:
        if [self.user, self.team, self.model].count(None) != 2:
            raise ValueError("must name exactly one of user, team and model")
        if (self.usd is None) == (self.tokens is None):
            raise ValueError("must have exactly one of usd and tokens")
        return self

    @property
    def dimension(self) -> Dimension:
        """The dimension that the budget limits."""
        return "user" if self.user is not None else "team" if self.team is not None else "model"

    @property
    def of(self) -> str:
        """The name of the user, team or model."""
        return self.user or self.team or self.model or ""

    @property
    def limit(self) -> Decimal:
        """The limit in USD or tokens."""
        return self.usd if self.usd is not None else Decimal(self.tokens or 0)

    def since(self, at: datetime) -> datetime:
        """The start of the current day or month in the budget's time zone."""
        zone = ZoneInfo(self.tz)
        today = at.astimezone(zone).date()
        return start_of_day(today if self.period == "day" else today.replace(day=1), zone)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    budgets: list[Budget]

    @model_validator(mode="after")
    def _check_unique_names(self) -> _File:
        names = [budget.name for budget in self.budgets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"has two budgets of the name {name!r}")
        return self


@dataclass(frozen=True, kw_only=True)
class BudgetUsage:
    """The usage of one budget since its period began; `used` is in USD or tokens, as the budget.

    `unpriced` counts requests without a known price. They are missing from a sum in USD, so the true cost may
    be higher.
    """

    budget: Budget
    used: Decimal
    since: datetime
    unpriced: int

    @property
    def ratio(self) -> Decimal:
        """The used fraction of the limit, rounded to six decimal places."""
        return (self.used / self.budget.limit).quantize(_RATIO_PLACES)

    @property
    def needs_warning(self) -> bool:
        """Whether usage has reached the warning ratio, compared without rounding."""
        return self.used >= self.budget.warn * self.budget.limit


@dataclass(frozen=True, kw_only=True)
class BudgetReport:
    """The usage of all budgets at one time; `notes` say what the source could not count."""

    usages: Sequence[BudgetUsage]
    as_of: datetime | None
    notes: tuple[str, ...]


def read(path: Path) -> list[Budget]:
    """Reads a file of budgets. Raises `InputError` with one sentence."""
    return yaml_file.read(path, _File, parameter="budgets").budgets


def evaluate_file(source: Source, path: Path, at: datetime) -> BudgetReport:
    """Evaluates the budgets in a file. Raises `InputError`, `SourceError` or `EtlError`."""
    return evaluate(source, read(path), at)


def evaluate(source: Source, budgets: Sequence[Budget], at: datetime) -> BudgetReport:
    """Computes the usage of budgets at a time, with one query per start of period and dimension.

    All queries see the same state of the source. Raises `SourceError` or `EtlError` when the source fails.
    """
    if not budgets:
        return BudgetReport(usages=[], as_of=None, notes=())
    sums: dict[Key, Measures] = {}
    widest = _query(min(one.since(at) for one in budgets), at, DEFAULT_GROUP_BY, Filters())
    with source.opened(widest) as records:
        for since, dimension in sorted({(one.since(at), one.dimension) for one in budgets}):
            names = {one.of for one in budgets if (one.since(at), one.dimension) == (since, dimension)}
            filters = Filters({dimension: tuple(sorted(names))})
            answer = records.answer(_query(since, at, (dimension,), filters))
            sums |= {(since, dimension, row.group[dimension] or ""): row.measures for row in answer.rows}
    return BudgetReport(
        usages=[_usage(budget, at, sums) for budget in budgets], as_of=answer.as_of, notes=answer.notes
    )


def _query(
    since: datetime, until: datetime, group_by: tuple[Dimension, ...], filters: Filters
) -> ReportQuery:
    period = Period(since=since, until=until, zone=_UTC)
    return ReportQuery(period=period, buckets=buckets(period, "total"), group_by=group_by, filters=filters)


def _usage(budget: Budget, at: datetime, sums: dict[Key, Measures]) -> BudgetUsage:
    since = budget.since(at)
    measures = sums.get((since, budget.dimension, budget.of)) or Measures.total([])
    cost = measures.cost_usd or Decimal(0)
    return BudgetUsage(
        budget=budget,
        used=cost if budget.usd is not None else Decimal(measures.total_tokens),
        since=since.astimezone(UTC),
        unpriced=measures.unpriced_requests if budget.usd is not None else 0,
    )


def write_metrics(usages: Sequence[BudgetUsage], file: Path) -> None:
    """Writes the budgets as metrics for the node exporter's textfile collector, atomically.

    The label `budget` is the budget's name. Raises `RelayctlError`.
    """
    registry = CollectorRegistry()
    used = Gauge(
        "relay_budget_used_ratio", "Share of the budget that is used.", ("budget",), registry=registry
    )
    warn = Gauge(
        "relay_budget_warn_ratio", "Share from which a warning is due.", ("budget",), registry=registry
    )
    for usage in usages:
        used.labels(usage.budget.name).set(float(usage.ratio))
        warn.labels(usage.budget.name).set(float(usage.budget.warn))
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise RelayctlError(f"metrics file {file} cannot be written: {error.strerror}") from error
