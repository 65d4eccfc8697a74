"""`python -m tests.operate.helm` renders the chart with each set of values and checks it with checkov.

checkov needs other versions of Relay's dependencies, so it has its own environment in var/tools, created on
the first run. A finding is fixed in the chart or accepted in helm/checkov.yaml with a reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from tests.support.monitoring.helm_chart import ROOT, VALUES, rendered

VERSION: Final = "3.3.30"
HOME: Final = ROOT / "var" / "tools" / f"checkov-{VERSION}"


def checkov() -> Path:
    """The path of checkov; installs it if it is missing."""
    program = HOME / "bin" / "checkov"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        done = subprocess.run([*pip, "install", f"checkov=={VERSION}"], check=False)
        if done.returncode:
            sys.exit(f"checkov {VERSION} cannot be installed from the package index")
    return program


def findings(program: Path) -> list[dict[str, Any]]:
    """The failed checks of all sets of values."""
    with TemporaryDirectory() as directory:
        for name in VALUES:
            Path(directory, f"{name}.yaml").write_text(yaml.safe_dump_all(rendered(name)))
        done = subprocess.run(
            [
                program,
                "-d",
                directory,
                "--framework",
                "kubernetes",
                "--skip-download",
                "--quiet",
                "-o",
                "json",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    result = json.loads(done.stdout)
    if result["summary"]["parsing_errors"] or not result["summary"]["passed"]:
        sys.exit(f"checkov could not read the chart's objects: {result['summary']}")
    return list(result["results"]["failed_checks"])


def main() -> None:
    """Exits with 0 if every finding is accepted in helm/checkov.yaml and every entry there is needed."""
    excuses = yaml.safe_load((ROOT / "helm" / "checkov.yaml").read_text("utf-8"))
    needed: set[int] = set()
    open_findings = []
    for finding in findings(checkov()):
        fitting = {
            number
            for number, excuse in enumerate(excuses)
            if excuse["check"] == finding["check_id"] and re.fullmatch(excuse["of"], finding["resource"])
        }
        needed |= fitting
        if not fitting:
            open_findings.append(f"{finding['check_id']} {finding['resource']}: {finding['check_name']}")
    unneeded = [excuse["check"] for number, excuse in enumerate(excuses) if number not in needed]
    if open_findings or unneeded:
        sys.exit(
            "\n".join([*open_findings, *(f"{check} need not be excused any more" for check in unneeded)])
        )
    sys.stdout.write(f"checkov: nothing in {len(VALUES)} sets of values but what helm/checkov.yaml excuses\n")


if __name__ == "__main__":
    main()
