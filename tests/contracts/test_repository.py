"""The rules of the house, held against the repository itself."""

from __future__ import annotations

import ast
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("proxy", "etl", "relayctl")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES = MODULES + sorted(
    path
    for folder in ("tests", "bench", "docs", "dashboards", "helm")
    for path in (ROOT / folder).rglob("*.py")
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_module_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 300


def test_a_folder_of_code_has_at_most_20_files() -> None:
    folders: dict[Path, int] = {}
    for path in SOURCES:
        folders[path.parent] = folders.get(path.parent, 0) + (path.name != "__init__.py")
    assert {str(folder): count for folder, count in folders.items() if count > 20} == {}


@pytest.mark.parametrize("path", sorted(p for p in MODULES if p.name == "__init__.py"), ids=_name)
def test_a_package_says_what_it_is_for_and_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert len(tree.body) == 1
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_module_opens_with_a_sentence(path: Path) -> None:
    text = path.read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert not text.strip() or (docstring is not None and docstring.splitlines()[0].endswith((".", ":", ";")))


def test_nine_functions_of_ten_have_at_most_30_lines() -> None:
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert sum(length <= 30 for length in lengths) >= 0.9 * len(lengths)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_public_classes_and_functions_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
    ]
    assert [node.name for node in public if ast.get_docstring(node) is None] == []


@pytest.mark.parametrize(
    ("document", "most"), [("README.md", 150), ("ARCHITECTURE.md", 120)], ids=["README", "ARCHITECTURE"]
)
def test_the_first_documents_stay_short(document: str, most: int) -> None:
    assert len((ROOT / document).read_text("utf-8").splitlines()) <= most


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
    assert [_name(path) for path in SOURCES if path.stem in empty] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_three_import_names_belong_to_relayctl_alone(package: str) -> None:
    owners = {
        distribution.name
        for distribution in distributions()
        for file in distribution.files or ()
        if file.parts[0] == package
    }
    assert owners <= {"relayctl"}


def test_sql_statements_are_in_sql_files_only() -> None:
    words = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ")
    found = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.lstrip().startswith(words)
    ]
    assert found == []
