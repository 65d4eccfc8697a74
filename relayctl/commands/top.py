"""`relayctl top`: shows live rates of a running proxy."""

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
from relayctl.top.metrics import MetricsError, MetricsWindow, fetch, read
from relayctl.top.tail import Tail

_QUIT: Final = frozenset(b"qQ")


class _Poller:
    """Polls both sources together."""

    def __init__(self, url: str, directory: Path) -> None:
        self._url = url
        self._directory = directory
        self._window = MetricsWindow()
        self._tail = Tail(directory)
        self._began = time.monotonic()

    def poll(self) -> View:
        """The current view; a proxy that does not answer is reported in its note."""
        at = time.monotonic()
        note = "" if self._directory.is_dir() else f"{self._directory} does not exist: no teams; give --logs"
        try:
            self._window.add(read(fetch(self._url, os.environ.get("PROXY_MASTER_KEY")), at))
        except MetricsError as error:
            note = str(error)
        self._tail.poll(at)
        return View(
            url=self._url,
            at=f"{datetime.now(UTC):%H:%M:%S} UTC",
            active=self._window.active,
            total=self._window.all(),
            models=self._window.by_model(),
            teams=self._tail.by_team(at - self._began),
            note=note,
        )


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="URL of the proxy.")
@logs_option
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 60),
    default=1.0,
    show_default=True,
    help="Seconds between updates.",
)
@click.option("--once", is_flag=True, help="Show one screen after one interval and exit.")
def command(*, url: str, logs: str, interval: float, once: bool) -> None:
    """Show live rates, cost, latency and errors of a proxy by model and by team; press `q` to quit.

    Models come from its /metrics, teams from the segments that it writes, both over the last minute.

    Example: relayctl top --url http://127.0.0.1:8000 --once
    """
    poller = _Poller(url, Path(logs))
    poller.poll()
    console = Console(no_color=bool(os.environ.get("NO_COLOR")) or None, highlight=False)
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        time.sleep(interval)
        console.print(screen(poller.poll(), height=10_000))
        return
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(screen(poller.poll(), height=console.height), refresh=True)
        while not pressed(interval) & _QUIT:
            live.update(screen(poller.poll(), height=console.height), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], frozenset[int]]]:
    """Reads single key presses during the block, and restores the terminal afterwards."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(seconds: float) -> frozenset[int]:
    """The keys pressed within some seconds; returns at the first one."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return frozenset(os.read(sys.stdin.fileno(), 1024)) if ready else frozenset()
