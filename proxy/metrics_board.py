"""The values of several workers' metrics, in memory that they share: any one of them can tell the sums.

A worker only ever writes cells of its own, so no update waits for another process. Its counts outlive its
death, by `kill -9` too: the memory is the parent's, and the next worker in its place counts on from them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Final

import msgspec
from prometheus_client import values

COUNTS: Final = 1 << 20
"""How many counts a worker has room for (a model takes about 50); only what is used takes memory."""

GAUGES: Final = 1 << 10


class _Name(msgspec.Struct, frozen=True, array_like=True):
    """Which value of which metric: a sample of it, and the values of its labels."""

    metric: str
    sample: str
    labels: tuple[str, ...]
    is_gauge: bool


class _Value:
    """One value, with the methods of prometheus_client's `MutexValue`: a worker counts, all are told."""

    def __init__(self, cells: memoryview[float], worker: int) -> None:
        self._cells = cells
        self._worker = worker
        self._lock = Lock()  # the writer's disk thread counts too

    def inc(self, amount: float) -> None:
        with self._lock:
            self._cells[self._worker] += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        self._cells[self._worker] = value

    def get(self) -> float:
        return sum(self._cells.tolist())

    def set_exemplar(self, exemplar: object) -> None:
        """Relay has none."""

    def get_exemplar(self) -> None:
        """Relay has none."""


class Board:
    """The cells of all workers. The parent makes it before it forks, and each worker joins it."""

    def __init__(self, workers: int) -> None:
        self._cells = {False: _memory(workers * COUNTS), True: _memory(workers * GAUGES)}
        # One line per value; the values of a kind are placed in the order of their lines.
        self._names = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as the board
        self._read_to = 0
        self._places: dict[_Name, int] = {}
        self._used = {False: 0, True: 0}
        self._told = 0

    def join(self, worker: int) -> None:
        """Lets what this process counts from now on be the count of this worker (from 0)."""
        # The library asks this name for every value it makes; its own multi-process mode sets it too.
        values.ValueClass = partial(self._value, worker)

    def new_children(self) -> list[tuple[str, tuple[str, ...]]]:
        """Metric and label values of what any worker has begun to count since this was last asked."""
        self._read()
        names = list(self._places)[self._told :]
        self._told = len(self._places)
        return [(name.metric, name.labels) for name in names if not name.sample.endswith("_bucket")]

    def forget_gauges(self, worker: int) -> None:
        """A dead worker has no request in progress."""
        for place in range(worker * GAUGES, (worker + 1) * GAUGES):
            self._cells[True][place] = 0.0

    def close(self) -> None:
        """Lets go of the names; nothing more can be counted."""
        self._names.close()

    def _value(
        self,
        worker: int,
        typ: str,
        metric: str,
        sample: str,
        _label_names: Sequence[str],
        labels: Sequence[str],
        _help: str,
        **_options: object,
    ) -> _Value:
        name = _Name(metric=metric, sample=sample, labels=tuple(labels), is_gauge=typ == "gauge")
        room = GAUGES if name.is_gauge else COUNTS
        place = self._place(name)
        assert place < room, "the label sets of the metrics are finite, and this is above their number"
        return _Value(self._cells[name.is_gauge][place::room], worker)

    def _place(self, name: _Name) -> int:
        """Where a value's cell is, the same for every worker."""
        if name not in self._places:
            with self._alone():
                self._read()
                if name not in self._places:
                    os.ftruncate(self._names.fileno(), self._read_to)  # what a killed worker half wrote
                    os.pwrite(self._names.fileno(), msgspec.json.encode(name) + b"\n", self._read_to)
                    self._read()
        return self._places[name]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other workers from naming a value; the kernel ends it when the process dies."""
        fcntl.lockf(self._names, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._names, fcntl.LOCK_UN)

    def _read(self) -> None:
        """Learns the names that are new, as far as their lines are whole."""
        size = os.fstat(self._names.fileno()).st_size
        text = os.pread(self._names.fileno(), size - self._read_to, self._read_to)
        for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True):
            name = msgspec.json.decode(line, type=_Name)
            self._places[name] = self._used[name.is_gauge]
            self._used[name.is_gauge] += 1
            self._read_to += len(line)


def _memory(cells: int) -> memoryview[float]:
    """Zeros that processes forked from this one share with it."""
    return memoryview(mmap.mmap(-1, cells * 8)).cast("d")
