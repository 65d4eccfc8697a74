"""Shared by all benchmarks: rounds that alternate between the sides, medians, a table, a result file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table; `ratio` is compared with the goal and with a harder one, the stretch.

    `why` is the reason to show if the goal is missed.
    """

    name: str
    measured: str
    ratio: float
    goal: float
    at_least: bool
    rounds: int
    stretch: float | None = None
    why: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self._reaches(self.goal)

    @property
    def verdict(self) -> str:
        """Met, or by how much it is missed and why."""
        if self.stretch is not None and self._reaches(self.stretch):
            return "met, the stretch too"
        if self.met:
            return "met"
        share = self.ratio / self.goal
        missed = f"missed: {share:.2f} {'of' if self.at_least else 'times'} the goal"
        return f"{missed}; {self.why}" if self.why else missed

    def _reaches(self, goal: float) -> bool:
        return self.ratio >= goal if self.at_least else self.ratio <= goal


class Rows:
    """Base of the classes that measure rows of the table, each in `rounds` rounds by default."""

    rounds: int

    def figure(
        self,
        name: str,
        measured: str,
        ratio: float,
        goal: float,
        *,
        stretch: float | None = None,
        at_least: bool = False,
        rounds: int = 0,
        why: str = "",
    ) -> Figure:
        """One row; `why` is the reason to show if its goal is missed."""
        return Figure(
            name=name,
            measured=measured,
            ratio=ratio,
            goal=goal,
            stretch=stretch,
            at_least=at_least,
            rounds=rounds or self.rounds,
            why=why,
        )


def interleaved(rounds: int, **sides: Callable[[], float]) -> dict[str, float]:
    """Measures each side once per round, in turn and every other round in reverse; gives the medians."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in order:
            found[name].append(sides[name]())
    return {name: median(values) for name, values in found.items()}


def machine() -> dict[str, Any]:
    """What the figures depend on, and how busy the machine is."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "cpu": cpu[0].partition(": ")[2] if cpu else platform.machine(),
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def table(figures: list[Figure]) -> str:
    """Markdown."""
    rows = ["| what | measured | ratio or figure | goal | |", "|---|---|---|---|---|"]
    for one in figures:
        bound = "at least" if one.at_least else "at most"
        goal = f"{bound} {one.goal:g}" + (f", stretch {one.stretch:g}" if one.stretch is not None else "")
        rows.append(f"| {one.name} | {one.measured} | {one.ratio:.3g} | {goal} | {one.verdict} |")
    return "\n".join(rows)


def write(path: Path, figures: list[Figure], about: Mapping[str, Any]) -> None:
    """Puts figures into the result file, each with what it depends on; others of earlier runs stay."""
    known = {one["name"]: one for one in json.loads(path.read_text())["figures"]} if path.exists() else {}
    known |= {one.name: asdict(one) | {"met": one.met, "verdict": one.verdict, **about} for one in figures}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"figures": list(known.values())}, indent=2) + "\n")


def write_section(page: Path, name: str, text: str) -> None:
    """Replaces the section of a page between the comments `<name>: begin` and `<name>: end`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text("utf-8").partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", "utf-8")
