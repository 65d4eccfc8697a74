"""The values of the metrics, in memory that workers share: any one of them can tell the sums.

A worker only ever writes cells of its own, so no update waits for another process. Its counts outlive its
death, by `kill -9` too: the memory is the parent's, and the next worker in its place counts on from them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

import msgspec

COUNTS: Final = 1 << 20
"""How many counts a worker has room for (a model takes about 50); only what is used takes memory."""

GAUGES: Final = 1 << 10


class _Name(msgspec.Struct, frozen=True, array_like=True):
    """Which value of which metric: the values of its labels, and how many cells it has."""

    metric: str
    labels: tuple[str, ...]
    width: int
    is_gauge: bool


class Value:
    """One value that this process counts, on whichever of its threads."""

    __slots__ = ("_at", "_cells", "_lock")

    def __init__(self, cells: memoryview[float], at: int) -> None:
        self._cells = cells
        self._at = at
        self._lock = Lock()  # the writer's disk thread counts too

    def inc(self) -> None:
        """Counts one."""
        with self._lock:
            self._cells[self._at] += 1

    def dec(self) -> None:
        """Takes one back."""
        with self._lock:
            self._cells[self._at] -= 1

    def set(self, value: float) -> None:
        """Says what it is now."""
        self._cells[self._at] = value

    def get(self) -> float:
        """What this process has counted."""
        return self._cells[self._at]


class Board:
    """The cells of all workers. The parent makes it before it forks, and each worker joins it."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._worker = 0
        self.counts = _memory(workers * COUNTS)
        self._gauges = _memory(workers * GAUGES)
        # One line per value, for several; the values of a kind are placed in the order of their lines.
        self._names = tempfile.TemporaryFile() if workers > 1 else None  # noqa: SIM115 -- as long as the board
        self._read_to = 0
        self._places: dict[_Name, int] = {}
        self._used = {False: 0, True: 0}

    def join(self, worker: int) -> None:
        """Lets what this process counts from now on be the count of this worker (from 0)."""
        self._worker = worker

    def place(self, metric: str, labels: tuple[str, ...] = (), *, width: int = 1) -> int:
        """Where in `counts` this worker's cells of a value begin; they are next to each other."""
        at = self._place(_Name(metric, labels, width, is_gauge=False))
        assert at + width <= COUNTS, (
            "the label sets of the metrics are finite, and this is above their number"
        )
        return self._worker * COUNTS + at

    def gauge(self, metric: str) -> Value:
        """A value that is of this process, and ends with it."""
        at = self._place(_Name(metric, (), 1, is_gauge=True))
        return Value(self._gauges, self._worker * GAUGES + at)

    def sums(self) -> Iterator[tuple[str, tuple[str, ...], list[float]]]:
        """Metric, label values and cells of everything that any worker has begun to count, all together."""
        self._read()
        sums = {
            False: _columns(self.counts, self._workers, self._used[False]),
            True: _columns(self._gauges, self._workers, self._used[True]),
        }
        for name, at in self._places.items():
            yield name.metric, name.labels, sums[name.is_gauge][at : at + name.width]

    def forget_gauges(self, worker: int) -> None:
        """A dead worker has no request in progress."""
        for place in range(worker * GAUGES, (worker + 1) * GAUGES):
            self._gauges[place] = 0.0

    def close(self) -> None:
        """Lets go of the names; nothing more can be counted."""
        if self._names is not None:
            self._names.close()

    def _place(self, name: _Name) -> int:
        """Where a value's first cell is, the same for every worker."""
        if name not in self._places:
            if self._names is None:
                self._add(name)
            else:
                with _alone(self._names.fileno()):
                    self._write(name, self._names.fileno())
        return self._places[name]

    def _write(self, name: _Name, file: int) -> None:
        """Tells the other workers of a value, unless one of them has told it."""
        self._read()
        if name not in self._places:
            os.ftruncate(file, self._read_to)  # what a killed worker half wrote
            os.pwrite(file, msgspec.json.encode(name) + b"\n", self._read_to)
            self._read()

    def _read(self) -> None:
        """Learns the names that are new, as far as their lines are whole."""
        if self._names is None:
            return
        file = self._names.fileno()
        text = os.pread(file, os.fstat(file).st_size - self._read_to, self._read_to)
        for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True):
            self._add(msgspec.json.decode(line, type=_Name))
            self._read_to += len(line)

    def _add(self, name: _Name) -> None:
        self._places[name] = self._used[name.is_gauge]
        self._used[name.is_gauge] += name.width


def _memory(cells: int) -> memoryview[float]:
    """Zeros that processes forked from this one share with it."""
    return memoryview(mmap.mmap(-1, cells * 8)).cast("d")


def _columns(cells: memoryview[float], workers: int, used: int) -> list[float]:
    """The first cells of all workers, summed."""
    room = len(cells) // workers
    rows = [cells[at : at + used].tolist() for at in range(0, len(cells), room)]
    return [sum(column) for column in zip(*rows, strict=True)]


@contextmanager
def _alone(file: int) -> Iterator[None]:
    """Keeps other workers from naming a value; the kernel ends it when the process dies."""
    fcntl.lockf(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN)
