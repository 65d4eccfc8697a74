"""How far a long command is, on stderr: a bar on a terminal, else a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

_EVERY: Final = 60.0

Progress = Callable[[int, int], None]


@contextmanager
def progress(thing: str) -> Iterator[Progress]:
    """Gives what is to be called with how many of how many things are done."""
    if sys.stderr.isatty():
        with _bar(thing) as advance:
            yield advance
    else:
        yield _lines(thing, time.monotonic)


@contextmanager
def _bar(thing: str) -> Iterator[Progress]:
    # Imported here because rich takes longer than the commands that show no bar.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn(thing), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    begun = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("", total=None, rate="")

        def advance(done: int, total: int) -> None:
            per_second = done / max(time.monotonic() - begun, 0.001)
            shown.update(task, completed=done, total=total, rate=f"{per_second:,.0f}/s")

        yield advance


def _lines(thing: str, clock: Callable[[], float]) -> Progress:
    begun = last = clock()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = clock()
        if now - last >= _EVERY:
            last = now
            click.echo(line(thing, done, total, now - begun), err=True)

    return advance


def line(thing: str, done: int, total: int, seconds: float) -> str:
    """`records: 12,000 of 100,000, 200/s, 7 min left`."""
    rate = done / seconds if seconds else 0
    left = f", {(total - done) / rate / 60:,.0f} min left" if rate else ""
    return f"{thing}: {done:,} of {total:,}, {rate:,.0f}/s{left}"
