"""`python -m tests.operate.dashboards` checks the dashboards against Grafana's TypeScript types.

`@grafana/schema` and TypeScript come from npm into var/tools on the first run. The panels' queries are tested
in tests/integration/dashboards/test_show_data.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support.monitoring.grafana import DASHBOARDS

GRAFANA: Final = "12.1.1"
TYPESCRIPT: Final = "5.9.3"
HOME: Final = DASHBOARDS.parent / "var" / "tools" / f"grafana-schema-{GRAFANA}"
# In the file an enum is its string value; a type that requires the enum member would accept no JSON.
_HEAD: Final = """
import type {{ Dashboard }} from "{schema}/dist/types/raw/dashboard/x/dashboard_types.gen";
type Plain<T> = T extends string ? `${{T}}` : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? {{ [K in keyof T]: Plain<T[K]> }} : T;
export const dashboard: Plain<Partial<Dashboard>> = {text};
"""


def compiler() -> Path:
    """The TypeScript compiler; installs it with Grafana's types if it is missing."""
    program = HOME / "node_modules" / ".bin" / "tsc"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is missing: install it (Debian: apt-get install npm)")
    HOME.mkdir(parents=True, exist_ok=True)
    wanted = [f"@grafana/schema@{GRAFANA}", f"typescript@{TYPESCRIPT}"]
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent", *wanted], cwd=HOME, check=False
    )
    if done.returncode:
        sys.exit(f"{' and '.join(wanted)} cannot be installed from npm's registry")
    return program


def main() -> None:
    """Exits with 0 if every dashboard matches Grafana's types."""
    program = compiler()
    with TemporaryDirectory(prefix="relay-dashboards-") as directory:
        files = []
        for path in sorted(DASHBOARDS.glob("*.json")):
            file = Path(directory) / f"{path.stem}.ts"
            schema = HOME / "node_modules" / "@grafana" / "schema"
            file.write_text(_HEAD.format(schema=schema, text=path.read_text("utf-8")), "utf-8")
            files.append(file)
        options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "preserve", "--target", "es2022"]
        done = subprocess.run([program, *options, *files], check=False)
    if done.returncode:
        sys.exit(
            "a dashboard is not what Grafana expects: see above; the line is that of the JSON and four more"
        )
    sys.stdout.write(f"dashboards: {len(files)} are what @grafana/schema {GRAFANA} says\n")


if __name__ == "__main__":
    main()
