"""`relayctl demo`: runs all of Relay on this machine without configuration."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from relayctl.demo import summary as summaries
from relayctl.demo.run import Result, Settings, run
from relayctl.render.output import show
from relayctl.render.reports import leaderboard_sheet, usage_sheet
from relayctl.sources.opening import utc_now

_PIPED_WIDTH: Final = 80
_WIDEST_CHART: Final = 100
_LINES: Final = 4


class ConsoleObserver:
    """Prints the progress to stderr and the result to stdout."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._began = time.monotonic()
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def stage(self, name: str, total: int = 0) -> None:
        """Prints the name of the stage; on a terminal its steps are a progress bar."""
        self._end_bar()
        self._total = total
        if not (total and self._console.is_terminal):
            click.echo(f"{name} ...", err=True)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console)
        self._task = self._bar.add_task(name, total=total)
        self._bar.start()

    def step(self, done: int) -> None:
        """Updates the bar; without a terminal prints four lines in all."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)
        elif done * _LINES // self._total > (done - 1) * _LINES // self._total:
            click.echo(f"  {done:,} of {self._total:,}", err=True)

    def ready(self, result: Result) -> None:
        """Prints the reports, the files and the next commands."""
        self._end_bar()
        summary = summaries.summarize(result, utc_now())
        seconds = time.monotonic() - self._began
        _print("", f"{summaries.answered(result.statuses)}; {seconds:.0f} s in all.", *_DISCLAIMER, "")
        show(leaderboard_sheet(summary.teams), "table")
        _print("", f"One week of {summary.person}", "")
        show(usage_sheet(summary.week), "table")
        _print("", "Spend per day", "", *_chart(summary))
        _print("", "PostgreSQL and the log segments give the same numbers for every day, to the last digit.")
        _print("", "Files", *summaries.files(result))
        program = summaries.program_name(sys.argv[0])
        if self._settings.keep:
            _print("", "Serving until Ctrl-C. Try", *_indented(summaries.live_commands(result, program)))
        _print("", "Go on with", *_indented(summaries.next_commands(result, summary.person, program)))
        if not self._settings.keep:
            _print(f"  {program} demo --keep")


_DISCLAIMER: Final = (
    "The provider is a stand-in and the dates are simulated: a week went by during the burst.",
    "Every record is of a request that went through the proxy; the prices are the real ones.",
)


def _print(*lines: str) -> None:
    click.echo("\n".join(lines))


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _chart(summary: summaries.Summary) -> list[str]:
    terminal = sys.stdout.isatty()
    width = min(shutil.get_terminal_size().columns, _WIDEST_CHART) if terminal else _PIPED_WIDTH
    return summaries.spend_per_day(summary.days, width=width, ascii_only=not _shows_blocks())


def _shows_blocks() -> bool:
    try:
        "█▏".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


@click.command()
@click.option("--keep", is_flag=True, help="Keep serving and loading new requests until Ctrl-C.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    default=Path("var/demo"),
    show_default=True,
    help="Directory in which each run creates its own subdirectory.",
)
@click.option(
    "--requests",
    type=click.IntRange(1, 100_000),
    default=2000,
    show_default=True,
    help="Number of requests in the simulated week.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Random seed; the same seed gives the same users, requests, tokens and costs.",
)
def command(*, keep: bool, directory: Path, requests: int, seed: int) -> None:
    """Run all of Relay on this machine: a stand-in provider, the proxy, a simulated week of traffic, the ETL
    with an embedded PostgreSQL, and the reports.

    Example: relayctl demo --keep
    """
    settings = Settings(directory=directory, requests=requests, seed=seed, keep=keep)
    with ConsoleObserver(settings) as observer:
        run(settings, observer)
