"""Loads the named SQL statements of `sql/<engine>/*.sql`; Python code contains only their names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def directory() -> Path:
    """The `sql/` directory: inside this package when installed from a wheel, beside it in a checkout."""
    installed = Path(__file__).parents[1] / "sql"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "sql"


@cache
def statements() -> dict[str, str]:
    """All statements by name; names are unique across all engines."""
    found: dict[str, str] = {}
    for path in sorted(directory().glob("*/*.sql")):
        if path.parent.name != "migrations":
            _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
            found |= {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
    return found


def named(name: str, **lists: str) -> str:
    """The text of a statement, with each of the given lists in place of its `{placeholder}`.

    The lists come from the descriptions of columns, never from input. Raises `KeyError` for a name that does
    not exist.
    """
    text = statements()[name]
    for placeholder, columns in lists.items():
        text = text.replace(f"{{{placeholder}}}", columns)
    return text
