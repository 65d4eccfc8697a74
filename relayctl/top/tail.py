"""The records of the last minute, by team, as the segments that are being written tell them."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from proxy.segments.lines import OPEN_SUFFIX, SegmentName, parse_line
from proxy.segments.record import RequestLine
from relayctl.top.rates import Rates, of_sorted, ratio

WINDOW_SECONDS: Final = 60.0
_READ_BYTES: Final = 4_194_304


@dataclass
class _File:
    """A segment being read on, also while it gets its sealed name: `rest` is the beginning of a line.

    Of one that was there before the first look, the rest of the line being written then is passed over.
    """

    fd: int
    rest: bytes = b""
    skip: bool = False


class Tail:
    """Follows every open segment of a directory from the first look on. A segment is known by its inode."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[int, _File] = {}
        self._records: deque[tuple[float, RequestLine]] = deque()
        self._first = True

    def look(self, at: float) -> None:
        """Reads what was written since; `at` is the monotonic clock."""
        opened = self._open_new()
        for inode, file in list(self._files.items()):
            for line in self._new_lines(file):
                try:
                    parsed = parse_line(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if isinstance(parsed, RequestLine):
                    self._records.append((at, parsed))
            if inode not in opened:  # sealed before it was read: nothing more comes
                os.close(file.fd)
                del self._files[inode]
        while self._records and at - self._records[0][0] > WINDOW_SECONDS:
            self._records.popleft()

    def _open_new(self) -> set[int]:
        """Begins to read what is new, and gives the segments that are being written."""
        opened: set[int] = set()
        for path in self._directory.glob(f"usage-*{OPEN_SUFFIX}"):
            if SegmentName.parse(path.name) is None:
                continue
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            inode = os.fstat(fd).st_ino
            opened.add(inode)
            if inode in self._files:
                os.close(fd)
                continue
            if self._first:
                # One byte before the end: when that is the end of a line, nothing is passed over.
                os.lseek(fd, max(0, os.fstat(fd).st_size - 1), os.SEEK_SET)
            self._files[inode] = _File(fd, skip=self._first)
        self._first = False
        return opened

    def _new_lines(self, file: _File) -> Iterable[bytes]:
        while data := os.read(file.fd, _READ_BYTES):
            *lines, file.rest = (file.rest + data).split(b"\n")
            if file.skip and lines:
                file.skip = False
                del lines[0]
            yield from lines

    def by_team(self, seconds: float) -> list[Rates]:
        """Each team that asked within the window, the busiest first; `seconds` of it have been seen."""
        teams: defaultdict[str, list[RequestLine]] = defaultdict(list)
        for _, record in self._records:
            teams[record.team_id].append(record)
        span = Decimal(repr(max(1.0, min(seconds, WINDOW_SECONDS))))
        rows = [_rates(team, records, span) for team, records in teams.items()]
        return sorted(rows, key=lambda row: (-row.requests, row.name))

    def close(self) -> None:
        """Lets go of every file."""
        for file in self._files.values():
            os.close(file.fd)
        self._files.clear()


def _rates(team: str, records: list[RequestLine], span: Decimal) -> Rates:
    count = Decimal(len(records))
    took = sorted(float(record.latency_ms) / 1000 for record in records)
    return Rates(
        name=team,
        requests=count / span,
        tokens=Decimal(sum(record.total_tokens for record in records)) / span,
        usd_per_hour=sum((record.cost_usd or Decimal(0) for record in records), Decimal(0)) / span * 3600,
        errors=ratio(Decimal(sum(record.is_error for record in records)), count),
        p50=of_sorted(0.5, took),
        p95=of_sorted(0.95, took),
    )
