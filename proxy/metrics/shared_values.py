"""Metric values in memory shared by all worker processes; each worker can compute the totals.

A worker writes only its own part, so updates need no lock between processes. The counts survive the worker,
even `kill -9`: the memory belongs to the parent, and the worker that replaces it continues from them.
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
"""The capacity of a worker, in counts (a model takes about 50); unused capacity takes no memory."""

GAUGES: Final = 1 << 10


class _Key(msgspec.Struct, frozen=True, array_like=True):
    """Identifies a value: metric, label values, and how many numbers it has."""

    metric: str
    labels: tuple[str, ...]
    width: int
    is_gauge: bool


class Value:
    """One value of this process; thread-safe."""

    __slots__ = ("_index", "_lock", "_numbers")

    def __init__(self, numbers: memoryview[float], index: int) -> None:
        self._numbers = numbers
        self._index = index
        self._lock = Lock()  # also used on the writer's disk thread

    def inc(self) -> None:
        """Adds one."""
        with self._lock:
            self._numbers[self._index] += 1

    def dec(self) -> None:
        """Subtracts one."""
        with self._lock:
            self._numbers[self._index] -= 1

    def set(self, value: float) -> None:
        """Sets the value."""
        self._numbers[self._index] = value

    def get(self) -> float:
        """The value of this process."""
        return self._numbers[self._index]


class SharedValues:
    """The values of all workers. The parent creates them before it forks, and each worker joins them."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._worker = 0
        self.counts = _memory(workers * COUNTS)
        self._gauges = _memory(workers * GAUGES)
        # With several workers, one line per value, in the order of their indexes.
        self._file = tempfile.TemporaryFile() if workers > 1 else None  # noqa: SIM115 -- closed by `close`
        self._read_bytes = 0
        self._indexes: dict[_Key, int] = {}
        self._used = {False: 0, True: 0}

    def join(self, worker: int) -> None:
        """Makes this process count as this worker (from 0)."""
        self._worker = worker

    def allocate(self, metric: str, labels: tuple[str, ...] = (), *, width: int = 1) -> int:
        """The index in `counts` of this worker's first number of a value; the others follow it."""
        index = self._index_of(_Key(metric, labels, width, is_gauge=False))
        assert index + width <= COUNTS, (
            "the label sets of the metrics are finite, and this is above their number"
        )
        return self._worker * COUNTS + index

    def gauge(self, metric: str) -> Value:
        """A value of this process that ends with it."""
        index = self._index_of(_Key(metric, (), 1, is_gauge=True))
        return Value(self._gauges, self._worker * GAUGES + index)

    def totals(self) -> Iterator[tuple[str, tuple[str, ...], list[float]]]:
        """Yields metric, label values and summed numbers of every value that any worker has allocated."""
        self._read()
        totals = {
            False: _columns(self.counts, self._workers, self._used[False]),
            True: _columns(self._gauges, self._workers, self._used[True]),
        }
        for key, index in self._indexes.items():
            yield key.metric, key.labels, totals[key.is_gauge][index : index + key.width]

    def reset_gauges(self, worker: int) -> None:
        """Sets the gauges of a worker that died to zero."""
        for index in range(worker * GAUGES, (worker + 1) * GAUGES):
            self._gauges[index] = 0.0

    def close(self) -> None:
        """Closes the file of keys; nothing more can be counted."""
        if self._file is not None:
            self._file.close()

    def _index_of(self, key: _Key) -> int:
        """The index of a value's first number, the same in every worker."""
        if key not in self._indexes:
            if self._file is None:
                self._add(key)
            else:
                with _locked(self._file.fileno()):
                    self._write(key, self._file.fileno())
        return self._indexes[key]

    def _write(self, key: _Key, file: int) -> None:
        """Publishes a value to the other workers, unless one of them has published it."""
        self._read()
        if key not in self._indexes:
            os.ftruncate(file, self._read_bytes)  # removes the incomplete line of a killed worker
            os.pwrite(file, msgspec.json.encode(key) + b"\n", self._read_bytes)
            self._read()

    def _read(self) -> None:
        """Reads the keys that other workers have published, as far as their lines are complete."""
        if self._file is None:
            return
        file = self._file.fileno()
        text = os.pread(file, os.fstat(file).st_size - self._read_bytes, self._read_bytes)
        for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True):
            self._add(msgspec.json.decode(line, type=_Key))
            self._read_bytes += len(line)

    def _add(self, key: _Key) -> None:
        self._indexes[key] = self._used[key.is_gauge]
        self._used[key.is_gauge] += key.width


def _memory(count: int) -> memoryview[float]:
    """Zeros that processes forked from this one share with it."""
    return memoryview(mmap.mmap(-1, count * 8)).cast("d")


def _columns(numbers: memoryview[float], workers: int, used: int) -> list[float]:
    """The first `used` numbers of each worker, summed over the workers."""
    capacity = len(numbers) // workers
    rows = [numbers[start : start + used].tolist() for start in range(0, len(numbers), capacity)]
    return [sum(column) for column in zip(*rows, strict=True)]


@contextmanager
def _locked(file: int) -> Iterator[None]:
    """Excludes the other workers; the kernel releases the lock when the process ends."""
    fcntl.lockf(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN)
