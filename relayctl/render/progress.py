"""Shows progress on stderr: a bar on a terminal, else one line per minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

_INTERVAL_SECONDS: Final = 60.0

Progress = Callable[[int, int], None]


@contextmanager
def progress(thing: str) -> Iterator[Progress]:
    """Yields a function to call with the number done and the total."""
    if sys.stderr.isatty():
        with _bar(thing) as advance:
            yield advance
    else:
        yield _lines(thing, time.monotonic)


@contextmanager
def _bar(thing: str) -> Iterator[Progress]:
    # Imported here because importing rich is slow.
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
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rate="")

        def advance(done: int, total: int) -> None:
            per_second = done / max(time.monotonic() - started, 0.001)
            bar.update(task, completed=done, total=total, rate=f"{per_second:,.0f}/s")

        yield advance


def _lines(thing: str, clock: Callable[[], float]) -> Progress:
    started = last = clock()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = clock()
        if now - last >= _INTERVAL_SECONDS:
            last = now
            click.echo(line(thing, done, total, now - started), err=True)

    return advance


def line(thing: str, done: int, total: int, seconds: float) -> str:
    """`records: 12,000 of 100,000, 200/s, 7 min left`."""
    rate = done / seconds if seconds else 0
    left = f", {(total - done) / rate / 60:,.0f} min left" if rate else ""
    return f"{thing}: {done:,} of {total:,}, {rate:,.0f}/s{left}"
