"""Compares the metrics in PromQL expressions with those that Relay's code declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import promql_parser
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from etl.load import metrics as etl_metrics
from etl.load.status import Status
from proxy.metrics.registry import Metrics
from relayctl.alerts.budgets import Budget, BudgetUsage, write_metrics

COUNTING = ("rate", "increase", "irate")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
_NOW = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Use:
    """A metric in an expression: labels of its matchers, range in seconds, directly enclosing function."""

    name: str
    labels: tuple[str, ...]
    seconds: float = 0
    function: str = ""


@cache
def declared() -> dict[str, str]:
    """The name of every series that Relay exposes, with the type of its metric."""
    registry = CollectorRegistry()
    Metrics(registry, str)
    families = [*registry.collect(), *_etl_families(), *_budget_families()]
    return {family.name + suffix: family.type for family in families for suffix in _SUFFIXES[family.type]}


def _etl_families() -> Iterable[Metric]:
    nothing = Status(
        as_of=None,
        refreshed_at=None,
        unrefreshed=0,
        segments=0,
        last_loaded_at=None,
        lines=0,
        loaded=0,
        duplicate=0,
        rejected=0,
        rejects=0,
        retried=0,
        missing_lines=0,
        waiting=None,
        oldest_waiting=None,
        gaps=(),
    )
    return etl_metrics.registry(nothing, _NOW).collect()


def _budget_families() -> Iterator[Metric]:
    budget = Budget(name="any", team="any", period="day", tokens=1)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "budgets.prom"
        write_metrics([BudgetUsage(budget=budget, used=Decimal(0), since=_NOW, unpriced=0)], file)
        yield from text_string_to_metric_families(file.read_text("utf-8"))


def used(expression: str) -> list[Use]:
    """Every metric in the expression. Raises `ValueError` if it is not PromQL."""
    return list(_walk(promql_parser.parse(expression), ""))


def _walk(node: promql_parser.Expr, function: str) -> Iterator[Use]:
    if isinstance(node, promql_parser.VectorSelector):
        labels = tuple(matcher.name for matcher in node.matchers.matchers)
        yield Use(name=node.name or "", labels=labels, function=function)
    elif isinstance(node, promql_parser.MatrixSelector):
        seconds = node.range.total_seconds()
        for use in _walk(node.vector_selector, function):
            yield replace(use, seconds=seconds)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from _walk(argument, node.func.name)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from _walk(node.lhs, "")
        yield from _walk(node.rhs, "")
    elif isinstance(node, promql_parser.ParenExpr | promql_parser.UnaryExpr):
        yield from _walk(node.expr, function)
    elif isinstance(node, promql_parser.AggregateExpr | promql_parser.SubqueryExpr):
        yield from _walk(node.expr, "")


def mistakes(expression: str) -> list[str]:
    """The errors in the expression: undeclared metrics, rates of gauges, counters without a rate.

    A counter without a rate is allowed beside its own increase, for series that have just started.
    """
    known, uses = declared(), [use for use in used(expression) if use.name != "up"]
    increased = {use.name for use in uses if use.function in COUNTING}
    found = []
    for use in uses:
        kind = known.get(use.name)
        if kind is None:
            found.append(f"{use.name} is declared nowhere")
        elif kind == "gauge" and use.function in COUNTING:
            found.append(f"{use.function} of the gauge {use.name}")
        elif kind != "gauge" and use.function not in COUNTING and use.name not in increased:
            found.append(f"{use.name} only grows: it wants a rate")
    return found
