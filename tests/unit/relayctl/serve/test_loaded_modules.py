"""Disabled features take no memory: a single process does not import their modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LOADED = """
import sys
from relayctl.commands import serve
from relayctl.serve import service
settings = serve.config_file.load()
service.build(settings, source=None)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

FEATURES: list[tuple[str, set[str]]] = [
    ("scrubbing and blocked patterns", {"re2", "phonenumbers"}),
    ("limits and a cache that are shared", {"redis"}),
    ("reports from the logs and from PostgreSQL", {"duckdb", "psycopg"}),
    ("the archive", {"pyarrow"}),
    ("the Langfuse export", {"langfuse", "httpx"}),
    ("several workers", {"multiprocessing"}),
    ("tables on a terminal", {"rich", "prompt_toolkit"}),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path_factory.mktemp("empty"),
        env={"PYTHONPATH": str(Path(__file__).parents[4])},
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize(("feature", "modules"), FEATURES, ids=[row[0] for row in FEATURES])
def test_modules_of_disabled_features_are_not_loaded(
    loaded: set[str], feature: str, modules: set[str]
) -> None:
    assert "aiohttp" in loaded
    assert not modules & loaded, feature
