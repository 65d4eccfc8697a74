"""What is built and how it is installed: dist/, constraints.txt, extras and metadata."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def build(directory: Path) -> dict[str, bytes]:
    """The files that `make dist` writes, by name."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    directory = tmp_path_factory.mktemp("dist")
    build(directory)
    return directory


@pytest.fixture(scope="module")
def wheel(dist: Path) -> dict[str, bytes]:
    """The files in the wheel, by path."""
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_build_is_reproducible(dist: Path, tmp_path: Path) -> None:
    assert build(tmp_path) == {path.name: path.read_bytes() for path in dist.iterdir()}


def test_the_wheel_contains_sql_rules_and_types(wheel: dict[str, bytes]) -> None:
    sql = {path.relative_to(ROOT / "sql").as_posix() for path in (ROOT / "sql").rglob("*.sql")}
    assert {name.removeprefix("etl/sql/") for name in wheel if name.startswith("etl/sql/")} == sql
    assert wheel["relayctl/alerts/shipped/relay.yml"] == (ROOT / "dashboards/alerts/relay.yml").read_bytes()
    assert {f"{package}/py.typed" for package in ("proxy", "etl", "relayctl")} <= set(wheel)
    assert {name.partition("/")[0] for name in wheel} <= {"proxy", "etl", "relayctl"} | {
        name.partition("/")[0] for name in wheel if ".dist-info/" in name
    }


def test_the_sdist_builds_the_same_wheel(dist: Path, wheel: dict[str, bytes], tmp_path: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as opened:
        opened.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as again:
        assert {name: again.read(name) for name in again.namelist()} == wheel


def test_the_metadata_is_complete(wheel: dict[str, bytes]) -> None:
    (text,) = (data.decode() for name, data in wheel.items() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(text)
    assert metadata["Author"] == "The Relay maintainers"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Summary"]
    assert metadata["Keywords"]
    assert "Author-email" not in metadata, "the project has no addresses"
    assert "Project-URL" not in metadata
    assert set(metadata.get_all("Provides-Extra", [])) == set(EXTRAS)
    assert "Programming Language :: Python :: 3.11" in metadata.get_all("Classifier", [])


def test_the_extra_all_names_every_other() -> None:
    assert EXTRAS["all"] == [f"relayctl[{','.join(sorted(set(EXTRAS) - {'all'}))}]"]


def test_the_constraints_are_those_of_the_lock() -> None:
    uv = Path(sys.executable).with_name("uv")
    options = ["--quiet", "--frozen", "--all-extras", "--no-dev", "--no-emit-project", "--no-hashes"]
    done = subprocess.run(
        [uv, "export", *options, "--no-annotate", "--no-header"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    head, *lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert head.startswith("#")
    assert lines == done.stdout.splitlines(), "run: make constraints"


def test_the_lock_is_that_of_pyproject() -> None:
    """Whether the dependencies were changed without `uv lock`, as far as can be seen offline."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    (ours,) = (package for package in lock["package"] if package["name"] == "relayctl")
    assert ours["version"] == PROJECT["version"]
    assert ours["metadata"]["provides-extras"] == list(EXTRAS)
    locked = {one["name"] for one in ours["metadata"]["requires-dist"] if "marker" not in one}
    asked = {line.partition(">")[0].partition("[")[0] for line in PROJECT["dependencies"] if ";" not in line}
    assert locked == asked
