"""Names of modules, classes, functions and variables are terms of the field, not private words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRIVATE = frozenset(
    (
        "stock", "shelf", "piece", "volume", "fact", "summed", "fate", "spot",
        "watched", "told", "lead", "standing", "twin", "vault", "outbox",
    )
)  # fmt: skip
"""Earlier private words; what took their place is in the glossary of ARCHITECTURE."""
PRIVATE_CLASSES = PRIVATE | {"cell", "share"}
"""A function may make the cell of a table, or compute a share, which is a measure of the leaderboard."""


def words(name: str) -> set[str]:
    """The words of a name in snake_case or CamelCase, in lower case and without the s of a plural."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {word.lower() for word in found} | {word.lower().removesuffix("s") for word in found}


def names(path: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """The names in a module, its own included, each with the words that it must not contain."""
    yield path.stem, PRIVATE
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield node.name, PRIVATE_CLASSES
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, PRIVATE
        elif isinstance(node, ast.arg):
            yield node.arg, PRIVATE
        elif isinstance(node, ast.Name):
            yield node.id, PRIVATE


@pytest.mark.parametrize("package", ["proxy", "etl", "relayctl", "bench"])
def test_no_name_contains_a_private_word(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name, private in names(path)
        if words(name) & private
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_fact_of", {"fact", "of"}),
        ("SegmentFacts", {"segment", "facts", "fact"}),
        ("HTTPFate", {"http", "fate"}),
        ("leader_of", {"leader", "of"}),
    ],
)
def test_a_name_is_split_into_words(name: str, expected: set[str]) -> None:
    assert words(name) == expected


def test_a_test_name_has_at_most_70_characters() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name) > 70
    ]
    assert found == []
