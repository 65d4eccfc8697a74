"""Files of every released version are read by the code of today, with the numbers of their own version."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from proxy.config import file as config_file
from relayctl import cli
from tests.support.databases import new_database

RELEASES = sorted(
    path for path in (Path(__file__).parents[2] / "data" / "formats").iterdir() if path.is_dir()
)
PERIOD = ("--since", "2026-11-01", "--until", "2026-11-06", "--output", "json")

Ask = Callable[[list[str]], Any]


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files of one release; reports keep their cache beside it."""
    assert isinstance(request.param, Path)
    copy = shutil.copytree(request.param, tmp_path / request.param.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return copy


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command of relayctl in this process and gives the JSON that it prints."""

    def run(arguments: list[str]) -> Any:
        capsys.readouterr()
        code = cli.run(arguments)
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return json.loads(printed.out)

    return run


def common(expected: Any, found: Any) -> Any:
    """What is found, without the keys that the release did not have."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {name: common(value, found[name]) for name, value in expected.items() if name in found}
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [common(one, other) for one, other in zip(expected, found, strict=True)]
    return found


def assert_same_reports(release: Path, ask: Ask, source: list[str]) -> None:
    """The commands of `expected.json` print the same JSON from this source."""
    cases = json.loads((release / "expected.json").read_text("utf-8"))
    assert cases
    for case in cases:
        found = ask([*case["command"], *PERIOD, *source]) | {"as_of": None}
        assert common(case["json"], found) == case["json"], case["command"]


def test_segments_of_a_release_are_read(release: Path, ask: Ask) -> None:
    assert_same_reports(release, ask, ["--logs", str(release / "segments")])


def test_an_archive_of_a_release_is_read(release: Path, ask: Ask) -> None:
    (release / "empty").mkdir()
    assert_same_reports(
        release, ask, ["--logs", str(release / "empty"), "--archive", str(release / "archive")]
    )


def test_segments_beside_their_archive_count_once(release: Path, ask: Ask) -> None:
    assert_same_reports(
        release, ask, ["--logs", str(release / "segments"), "--archive", str(release / "archive")]
    )


def test_segments_of_a_release_load_into_postgresql(release: Path, ask: Ask, migrated_url: str) -> None:
    assert cli.run(["etl", "run", "--logs", str(release / "segments"), "--database-url", migrated_url]) == 0
    assert_same_reports(release, ask, ["--database-url", migrated_url])


def test_a_database_of_a_release_is_migrated_and_read(release: Path, ask: Ask, postgres_url: str) -> None:
    with new_database(postgres_url) as url:
        with psycopg.connect(url) as connection:
            connection.execute((release / "database.sql").read_bytes())
        assert cli.run(["etl", "migrate", "--database-url", url]) == 0
        assert_same_reports(release, ask, ["--database-url", url])
        # The ledger is the old one: nothing is loaded twice, and the rollups are rebuilt as they were.
        logs = str(release / "segments")
        assert cli.run(["etl", "run", "--logs", logs, "--database-url", url]) == 0
        assert cli.run(["etl", "refresh", "--check", "--database-url", url]) == 0
        assert_same_reports(release, ask, ["--database-url", url])


def old_cache(release: Path, cache: Path) -> None:
    """Puts the report cache of a release where its code looks for it, valid for the files in `release`."""
    logs = (release / "segments").absolute()
    facts = json.loads((release / "report_cache/relay/facts/facts.json").read_text("utf-8"))
    facts["place"] = str(logs)
    for name, piece in facts["pieces"].items():
        found = (logs / name).stat()
        assert piece[0][0] == found.st_size
        piece[0][1:] = [found.st_ino, found.st_dev, found.st_mtime_ns, found.st_ctime_ns]
    folder = f"facts-{hashlib.sha256(os.fsencode(logs)).hexdigest()[:32]}"
    shutil.copytree(release / "report_cache/relay/facts", cache / "relay" / folder)
    (cache / "relay" / folder / "facts.json").write_text(json.dumps(facts), "utf-8")


def test_a_report_cache_of_a_release_changes_no_number(release: Path, ask: Ask, tmp_path: Path) -> None:
    old_cache(release, tmp_path / "cache")
    assert_same_reports(release, ask, ["--logs", str(release / "segments")])


def test_a_configuration_of_a_release_is_read(release: Path) -> None:
    settings = config_file.load(release / "relay.yaml", {})
    assert settings.server.port == 8088
    assert settings.upstreams["openai"].timeouts.total == 900
    assert settings.limits.teams["search"].rpm == 6000
    assert settings.pii.enabled
    assert settings.prices.overrides[0].model == "gpt-5*"
