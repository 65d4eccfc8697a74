"""Checks this host: the log directory, the key file, the secrets in the environment."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from proxy.config.settings import Config
from proxy.errors import KeysError
from proxy.request import keys
from proxy.segments.lines import OPEN_SUFFIX, SegmentName
from relayctl.doctor.finding import Finding, not_set_up, ok, problem, warning

_MIN_FREE_BYTES: Final = 2**30
_GIB: Final = 2**30


def log_directory(directory: Path, rotate_seconds: float) -> Iterator[Finding]:
    """Checks that segments can be written, the free space, and segments left open by a dead proxy."""
    name = "log directory"
    if not directory.is_dir():
        yield warning(name, f"{directory} does not exist", "the proxy creates it; or correct logs.dir")
        return
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        yield problem(name, f"{directory}: {error.strerror}", "give the proxy's user write permission")
        return
    yield ok(name, f"{directory} is writable")
    free = shutil.disk_usage(directory).free
    space = f"{free / _GIB:.1f} GiB free"
    if free < _MIN_FREE_BYTES:
        yield problem("disk", space, "free space: `relayctl etl archive --older-than 7d`, or a larger volume")
    else:
        yield ok("disk", space)
    yield from _open_segments(directory, rotate_seconds)


def _open_segments(directory: Path, rotate_seconds: float) -> Iterator[Finding]:
    opened = [path for path in directory.glob(f"*{OPEN_SUFFIX}") if SegmentName.parse(path.name)]
    orphans = [path.name for path in opened if not _is_locked(path)]
    if orphans:
        yield warning(
            "open segments",
            f"{len(orphans)} left by a proxy that ended without sealing, such as {sorted(orphans)[0]}",
            "start a proxy on this directory: it seals them",
        )
    elif opened:
        yield ok("open segments", f"{len(opened)} being written, sealed every {rotate_seconds:g} s")
    else:
        yield ok("open segments", "none")


def _is_locked(path: Path) -> bool:
    """Whether a running writer has locked the segment."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # sealed meanwhile, or not readable for this user
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def key_file(path: Path) -> Iterator[Finding]:
    """Checks that there is a valid key and that only the owner can access the file."""
    name = "keys"
    issue = "issue one: `relayctl keys issue --user U --team T`"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        found = keys.KeyStore(path)
    except FileNotFoundError:
        yield problem(name, f"{path} does not exist: every request is refused", issue)
        return
    except (OSError, KeysError) as error:
        what = str(error) if isinstance(error, KeysError) else f"{path}: {error.strerror}"
        yield problem(name, what, "make it readable for the proxy's user, or restore it")
        return
    if mode & 0o077:
        yield problem(name, f"{path} has mode {mode:04o}: others can read it", f"chmod 600 {path}")
    elif not found:
        yield problem(name, f"{path} has no key that works", issue)
    else:
        yield ok(name, f"{len(found)} in {path}, mode {mode:04o}")


def secrets(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Checks that the configured variables are set; never shows their values."""
    for upstream in config.upstreams.values():
        name, variable = f"key of {upstream.name}", upstream.api_key_env
        if variable is None:
            yield not_set_up(name, "none is configured", "set api_key_env if the provider needs one")
        elif environ.get(variable):
            yield ok(name, f"{variable} is set here")
        else:
            yield warning(name, f"{variable} is not set here", "set it in the environment of the proxy")
    if environ.get("PROXY_MASTER_KEY"):
        yield ok("master key", "PROXY_MASTER_KEY is set here")
    else:
        yield warning(
            "master key",
            "PROXY_MASTER_KEY is not set here",
            "set it in the proxy's environment, or /internal/* answers 401",
        )
