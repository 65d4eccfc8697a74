"""One thing the doctor has looked at: how it is, and what to do when it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem", "not set up"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`what` was found of `check`; `advice` says what to do, and is empty where nothing is to be done."""

    check: str
    state: State
    what: str
    advice: str = ""


def sound(check: str, what: str) -> Finding:
    """It is well."""
    return Finding(check=check, state="ok", what=what)


def warning(check: str, what: str, advice: str) -> Finding:
    """It works, but should be looked at."""
    return Finding(check=check, state="warning", what=what, advice=advice)


def problem(check: str, what: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state="problem", what=what, advice=advice)


def absent(check: str, what: str, advice: str) -> Finding:
    """It is not set up, and need not be."""
    return Finding(check=check, state="not set up", what=what, advice=advice)
