"""Rates per team over the last minute, from the segments that are being written."""

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
    """An open segment that is being followed, also while it is renamed; `rest` is an incomplete line.

    `skip` is set for segments that existed at the first poll: the line being written then is skipped.
    """

    fd: int
    rest: bytes = b""
    skip: bool = False


class Tail:
    """Follows every open segment of a directory from the first poll on. Segments are identified by inode."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[int, _File] = {}
        self._records: deque[tuple[float, RequestLine]] = deque()
        self._first = True

    def poll(self, at: float) -> None:
        """Reads what was written since the last poll; `at` is the monotonic clock."""
        opened = self._open_new()
        for inode, file in list(self._files.items()):
            for line in self._new_lines(file):
                try:
                    parsed = parse_line(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if isinstance(parsed, RequestLine):
                    self._records.append((at, parsed))
            if inode not in opened:  # sealed: nothing more will be written
                os.close(file.fd)
                del self._files[inode]
        while self._records and at - self._records[0][0] > WINDOW_SECONDS:
            self._records.popleft()

    def _open_new(self) -> set[int]:
        """Opens new segments and returns the inodes of all open segments."""
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
                # Seek to one byte before the end: if that is a newline, no line is skipped.
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
        """The rates of each team in the window, the busiest first; `seconds` is the time observed so far."""
        teams: defaultdict[str, list[RequestLine]] = defaultdict(list)
        for _, record in self._records:
            teams[record.team_id].append(record)
        span = Decimal(repr(max(1.0, min(seconds, WINDOW_SECONDS))))
        rows = [_rates(team, records, span) for team, records in teams.items()]
        return sorted(rows, key=lambda row: (-row.requests, row.name))

    def close(self) -> None:
        """Closes every file."""
        for file in self._files.values():
            os.close(file.fd)
        self._files.clear()


def _rates(team: str, records: list[RequestLine], span: Decimal) -> Rates:
    count = Decimal(len(records))
    durations = sorted(float(record.latency_ms) / 1000 for record in records)
    return Rates(
        name=team,
        requests=count / span,
        tokens=Decimal(sum(record.total_tokens for record in records)) / span,
        usd_per_hour=sum((record.cost_usd or Decimal(0) for record in records), Decimal(0)) / span * 3600,
        errors=ratio(Decimal(sum(record.is_error for record in records)), count),
        p50=of_sorted(0.5, durations),
        p95=of_sorted(0.95, durations),
    )
