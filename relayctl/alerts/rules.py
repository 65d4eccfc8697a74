"""Reads alert rules from Prometheus rule files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relayctl import yaml_file
from relayctl.errors import InputError

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800, "y": 31_536_000}
_DURATION = re.compile(r"(?:(\d+)(y|w|d|h|ms|m|s))+")
_PART = re.compile(r"(\d+)(ms|[ywdhms])")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One alert. It fires when `expr` has held for `hold`; `keeps_firing` is true with `keep_firing_for`."""

    name: str
    expr: str
    hold: timedelta = timedelta(0)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    keeps_firing: bool = False


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    alert: str | None = None
    record: str | None = None
    expr: str
    hold: timedelta = Field(timedelta(0), alias="for")
    keep_firing_for: timedelta = timedelta(0)
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _durations(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        named = {name: duration(content[name]) for name in ("for", "keep_firing_for") if name in content}
        return content | named

    @model_validator(mode="after")
    def _check_alert_or_record(self) -> _Rule:
        if (self.alert is None) == (self.record is None):
            raise ValueError("must have either 'alert' or 'record'")
        return self


class _Group(BaseModel):
    # Other fields of a group only matter to Prometheus' scheduler and are ignored.
    name: str
    rules: list[_Rule] = []


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    groups: list[_Group]


def duration(text: object) -> timedelta:
    """Parses a Prometheus duration such as `5m` or `1h30m`. Raises `ValueError`."""
    if text in ("0", 0):
        return timedelta(0)
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise ValueError(f"must have durations such as 30s, 5m or 1h30m, not {text!r}")
    return timedelta(seconds=sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text)))


def read(path: Path) -> list[Rule]:
    """Reads the alerts of a rule file, in order; skips recording rules. Raises `InputError`."""
    content = yaml_file.read(path, _File, parameter="rules")
    return [
        Rule(
            name=one.alert,
            expr=one.expr,
            hold=one.hold,
            labels=one.labels,
            annotations=one.annotations,
            keeps_firing=bool(one.keep_firing_for),
        )
        for group in content.groups
        for one in group.rules
        if one.alert is not None
    ]


@cache
def directory() -> Path:
    """The directory of the shipped rules: in this package if installed from a wheel, else in the checkout."""
    installed = Path(__file__).with_name("shipped")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "dashboards" / "alerts"


def shipped() -> list[Rule]:
    """The alerts that come with Relay."""
    files = sorted(directory().glob("*.yml"))
    if not files:
        raise InputError("rules", f"there are no rules in {directory()}: give a file with --rules")
    return [rule for path in files for rule in read(path)]
