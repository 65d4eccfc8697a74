"""`relayctl top`: what a running proxy does at the moment, on one screen."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.live import Live

from relayctl.commands.options import logs_option
from relayctl.render.top import View, screen
from relayctl.top.meters import Meters, NoMetricsError, fetch, read
from relayctl.top.tail import Tail

_QUIT: Final = frozenset(b"qQ")


class _Watch:
    """The two sources, looked at together."""

    def __init__(self, url: str, directory: Path) -> None:
        self._url = url
        self._directory = directory
        self._meters = Meters()
        self._tail = Tail(directory)
        self._began = time.monotonic()

    def look(self) -> View:
        """What there is to see now; a proxy that does not answer is told on the screen."""
        at = time.monotonic()
        note = "" if self._directory.is_dir() else f"{self._directory} is not there: no teams; give --logs"
        try:
            self._meters.add(read(fetch(self._url, os.environ.get("PROXY_MASTER_KEY")), at))
        except NoMetricsError as error:
            note = str(error)
        self._tail.look(at)
        return View(
            url=self._url,
            at=f"{datetime.now(UTC):%H:%M:%S} UTC",
            active=self._meters.active,
            total=self._meters.all(),
            models=self._meters.by_model(),
            teams=self._tail.by_team(at - self._began),
            note=note,
        )


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The proxy.")
@logs_option
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 60),
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option("--once", is_flag=True, help="Show one screen after one interval, and end.")
def command(*, url: str, logs: str, interval: float, once: bool) -> None:
    """Show live what a proxy does: rates, cost, latency and errors by model and by team; `q` ends it.

    Models are read from its /metrics, teams from the segments that it writes, both over the last minute.

    Example: relayctl top --url http://127.0.0.1:8000 --once
    """
    watch = _Watch(url, Path(logs))
    watch.look()
    console = Console(no_color=bool(os.environ.get("NO_COLOR")) or None, highlight=False)
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        time.sleep(interval)
        console.print(screen(watch.look(), height=10_000))
        return
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(screen(watch.look(), height=console.height), refresh=True)
        while not pressed(interval) & _QUIT:
            live.update(screen(watch.look(), height=console.height), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], frozenset[int]]]:
    """Keys as they are pressed, without Enter; the terminal is as before afterwards, whatever happens."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(seconds: float) -> frozenset[int]:
    """The keys pressed within some seconds; returns as soon as there is one."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return frozenset(os.read(sys.stdin.fileno(), 1024)) if ready else frozenset()
