"""Copies the dashboards and alerts into the chart, because Helm cannot read files outside a chart.

`make chart` runs it; a contract test compares the copies.
"""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = ROOT / "helm" / "relay" / "files"


def copies() -> dict[Path, Path]:
    """Each copy in the chart and its original."""
    dashboards = ROOT / "dashboards"
    alerts = {FILES / "alerts" / path.name: path for path in dashboards.joinpath("alerts").glob("*.yml")}
    return alerts | {FILES / "dashboards" / path.name: path for path in dashboards.glob("*.json")}


def sync() -> None:
    """Replaces all copies; removes those without an original."""
    for folder in (FILES / "alerts", FILES / "dashboards"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for copy, original in copies().items():
        shutil.copyfile(original, copy)


if __name__ == "__main__":
    sync()
