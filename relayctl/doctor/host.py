"""What the doctor sees on this host: the log directory, the file of keys, the secrets in the environment."""

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
from relayctl.doctor.finding import Finding, absent, problem, sound, warning

_LITTLE_SPACE: Final = 2**30
_GIB: Final = 2**30


def log_directory(directory: Path, rotate_seconds: float) -> Iterator[Finding]:
    """Whether segments can be written there, and whether any was left open by a dead proxy."""
    name = "log directory"
    if not directory.is_dir():
        yield warning(name, f"{directory} is not there", "the proxy makes it; or set logs.dir to where it is")
        return
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        yield problem(name, f"{directory}: {error.strerror}", "let the user of the proxy write there")
        return
    yield sound(name, f"{directory} can be written")
    free = shutil.disk_usage(directory).free
    told = f"{free / _GIB:.1f} GiB free"
    if free < _LITTLE_SPACE:
        yield problem("disk", told, "make room: `relayctl etl archive --older-than 7d`, or a larger volume")
    else:
        yield sound("disk", told)
    yield from _open_segments(directory, rotate_seconds)


def _open_segments(directory: Path, rotate_seconds: float) -> Iterator[Finding]:
    opened = [path for path in directory.glob(f"*{OPEN_SUFFIX}") if SegmentName.parse(path.name)]
    dead = [path.name for path in opened if not _is_held(path)]
    if dead:
        yield warning(
            "open segments",
            f"{len(dead)} left by a proxy that ended without sealing, such as {sorted(dead)[0]}",
            "start a proxy on this directory: it seals them",
        )
    elif opened:
        yield sound("open segments", f"{len(opened)} being written, sealed every {rotate_seconds:g} s")
    else:
        yield sound("open segments", "none")


def _is_held(path: Path) -> bool:
    """Whether a living writer has it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # sealed meanwhile, or not ours to read
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def key_file(path: Path) -> Iterator[Finding]:
    """Whether there are keys, and nobody else can read or change their file."""
    name = "keys"
    issue = "make one: `relayctl keys issue --user U --team T`"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        found = keys.KeyStore(path)
    except FileNotFoundError:
        yield problem(name, f"{path} is not there: every request is refused", issue)
        return
    except (OSError, KeysError) as error:
        told = str(error) if isinstance(error, KeysError) else f"{path}: {error.strerror}"
        yield problem(name, told, "let the user of the proxy read it, or restore it")
        return
    if mode & 0o077:
        yield problem(name, f"{path} has mode {mode:04o}: others can read it", f"chmod 600 {path}")
    elif not found:
        yield problem(name, f"{path} has no key that works", issue)
    else:
        yield sound(name, f"{len(found)} in {path}, mode {mode:04o}")


def secrets(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the environment holds what the configuration says it does; never what it is."""
    for upstream in config.upstreams.values():
        name, variable = f"key of {upstream.name}", upstream.api_key_env
        if variable is None:
            yield absent(name, "none is configured", "set api_key_env where the provider wants one")
        elif environ.get(variable):
            yield sound(name, f"{variable} is set here")
        else:
            yield warning(name, f"{variable} is not set here", "set it in the environment of the proxy")
    if environ.get("PROXY_MASTER_KEY"):
        yield sound("master key", "PROXY_MASTER_KEY is set here")
    else:
        yield warning(
            "master key",
            "PROXY_MASTER_KEY is not set here",
            "set it in the proxy's environment, or /internal/* answers 401",
        )
