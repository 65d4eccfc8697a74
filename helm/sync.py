"""Copies what the chart ships of dashboards/ into it: Helm takes no file from outside a chart.

`make chart` runs it; a contract test compares.
"""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = ROOT / "helm" / "relay" / "files"


def copies() -> dict[Path, Path]:
    """Each copy in the chart, and what it is a copy of."""
    dashboards = ROOT / "dashboards"
    alerts = {FILES / "alerts" / path.name: path for path in dashboards.joinpath("alerts").glob("*.yml")}
    return alerts | {FILES / "dashboards" / path.name: path for path in dashboards.glob("*.json")}


def sync() -> None:
    """Makes the copies anew; what has no original any more goes."""
    for folder in (FILES / "alerts", FILES / "dashboards"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for copy, original in copies().items():
        shutil.copyfile(original, copy)


if __name__ == "__main__":
    sync()
