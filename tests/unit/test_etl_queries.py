"""Every statement says what it does, is asked for by somebody, and is found by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etl.queries import directory, named

QUERIES = sorted((directory() / "queries").glob("*.sql"))
PYTHON = "\n".join(
    path.read_text(encoding="utf-8")
    for package in ("etl", "relayctl", "tests", "bench")
    for path in Path(__file__).parents[2].joinpath(package).rglob("*.py")
)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_begins_with_what_it_does(path: Path) -> None:
    assert re.match(r"-- [A-Z].*\.\n", named(path.stem)) or "\n-- " in named(path.stem)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_is_asked_for_by_name_somewhere(path: Path) -> None:
    assert f'"{path.stem}"' in PYTHON


def test_a_name_without_a_query_is_a_programming_error() -> None:
    with pytest.raises(FileNotFoundError):
        named("no_such_query")
