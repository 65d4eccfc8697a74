"""Every statement has one name and a description, is used, and parses on its engine."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import duckdb
import pytest

from etl.database.queries import directory, named, statements

FILES = [path for path in sorted(directory().glob("*/*.sql")) if path.parent.name != "migrations"]
HEADER = re.compile(r"^-- name: (.*)$", re.MULTILINE)
NAMES = {name: path for path in FILES for name in HEADER.findall(path.read_text("utf-8"))}
ROOT = Path(__file__).parents[4]
PYTHON = "\n".join(
    path.read_text(encoding="utf-8")
    for package in ("etl", "relayctl", "tests", "bench")
    for path in (ROOT / package).rglob("*.py")
)


SAMPLES = {
    **dict.fromkeys(("column_types", "parquet_types", "rollup_types"), "x INTEGER"),
    **dict.fromkeys(("json_types", "checked_types"), "{x: 'INTEGER'}"),
    **dict.fromkeys(("parts", "records"), "SELECT 1"),
    "join": "",
}
"""Values for the placeholders of DuckDB's statements; those of all others are a column."""


def _of(engine: str) -> list[str]:
    return [name for name, path in NAMES.items() if path.parent.name == engine]


def test_statement_names_are_unique_across_engines() -> None:
    headers = [name for path in FILES for name in HEADER.findall(path.read_text("utf-8"))]
    assert sorted(NAMES) == sorted(statements())
    assert len(headers) == len(NAMES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_statement_file_has_a_subject(path: Path) -> None:
    assert path.parent.name in {"postgres", "duckdb", "sqlite"}
    assert len(path.read_text("utf-8").splitlines()) <= 300


@pytest.mark.parametrize("name", NAMES)
def test_statement_has_a_description(name: str) -> None:
    assert re.match(r"-- [A-Z].*\.\n", named(name)) or "\n-- " in named(name)


@pytest.mark.parametrize("name", NAMES)
def test_statement_is_used(name: str) -> None:
    assert f'"{name}"' in PYTHON


def test_used_statement_exists() -> None:
    used = set(re.findall(r'\b(?:named|sql)\(\s*"(\w+)"\s*[,)]', PYTHON)) - {"no_such_statement"}
    assert used <= set(NAMES)


def test_unknown_statement_name_raises_key_error() -> None:
    with pytest.raises(KeyError):
        named("no_such_statement")


@pytest.mark.parametrize("name", _of("duckdb"))
def test_duckdb_statement_parses(name: str) -> None:
    samples = dict.fromkeys(re.findall(r"\{(\w+)\}", named(name)), "x") | SAMPLES
    text = re.sub(r"\{(\w+)\}", lambda found: samples[found[1]], named(name))
    assert duckdb.extract_statements(text)


@pytest.mark.parametrize("name", _of("sqlite"))
def test_sqlite_statement_can_be_prepared(name: str) -> None:
    connection = sqlite3.connect(":memory:")
    for schema in (one for one in _of("sqlite") if one.endswith("_schema")):
        connection.executescript(named(schema))
    if not name.endswith("_schema"):
        text = named(name)
        parameters = dict.fromkeys(re.findall(r":(\w+)", text)) or (None,) * text.count("?")
        connection.execute(f"EXPLAIN {text}", parameters)
    connection.close()
