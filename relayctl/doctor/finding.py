"""The result of one check, with advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem", "not set up"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`what` describes the result of `check`; `advice` says what to do, empty if nothing."""

    check: str
    state: State
    what: str
    advice: str = ""


def ok(check: str, what: str) -> Finding:
    """The check passed."""
    return Finding(check=check, state="ok", what=what)


def warning(check: str, what: str, advice: str) -> Finding:
    """It works but needs attention."""
    return Finding(check=check, state="warning", what=what, advice=advice)


def problem(check: str, what: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state="problem", what=what, advice=advice)


def not_set_up(check: str, what: str, advice: str) -> Finding:
    """It is optional and not set up."""
    return Finding(check=check, state="not set up", what=what, advice=advice)
