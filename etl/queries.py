"""The SQL of Relay, by name: statements stand in `sql/`, Python holds their names."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def directory() -> Path:
    """Where `sql/` is: inside this package when installed from a wheel, beside it in a checkout."""
    installed = Path(__file__).with_name("sql")
    return installed if installed.is_dir() else Path(__file__).parents[1] / "sql"


@cache
def named(name: str) -> str:
    """The text of `sql/queries/<name>.sql`. Raises `FileNotFoundError` for a name that does not exist."""
    return (directory() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
