"""What is vendored into the report's page is what its project published, with its licence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[2] / "relayctl" / "report_page" / "assets"

# From the npm package chart.js 4.6.1: dist/chart.umd.min.js and LICENSE.md.
VENDORED = {
    "chart.umd.min.js": "87364cc2b2a76a6684929e7d6b80b18a897794db38400caff1fcf1791c6925d2",
    "chart.LICENSE.md": "41a84aa2caba645f966a18d9c2056b73e6d3a81d80bc0046bc0011a2634d4cce",
}


@pytest.mark.parametrize(("name", "sha256"), VENDORED.items())
def test_a_vendored_file_is_the_published_one(name: str, sha256: str) -> None:
    assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == sha256


def test_it_contains_its_version_and_licence() -> None:
    head = (ASSETS / "chart.umd.min.js").read_text("utf-8")[:300]
    assert "Chart.js v4.6.1" in head
    assert "MIT License" in head
    assert "The MIT License" in (ASSETS / "chart.LICENSE.md").read_text("utf-8")


def test_every_asset_is_ours_or_accounted_for() -> None:
    assert {path.name for path in ASSETS.iterdir()} == {*VENDORED, "page.css", "page.js"}


@pytest.mark.parametrize("name", ["chart.umd.min.js", "page.js", "page.css"])
def test_no_asset_can_end_its_element_or_run_text(name: str) -> None:
    text = (ASSETS / name).read_text("utf-8")
    for word in ("</script", "</style", "eval(", "new Function", "@import", "url("):
        assert word not in text, word
