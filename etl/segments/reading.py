"""Reads one sealed segment: its records, its rejects, and what contradicts its seal.

A bad line never stops the reading, and no line is ever held whole that is longer than a record may be.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from datetime import datetime
from decimal import InvalidOperation
from pathlib import Path
from typing import BinaryIO, Final

from etl.errors import SegmentError
from etl.segments.blocks import Block, read_block
from etl.segments.lines import read_line
from etl.segments.rejects import Reject, storable
from proxy.segments.lines import (
    IntentLine,
    Line,
    OpenLine,
    SealLine,
    SegmentName,
    Totals,
    sealed_segments,
)
from proxy.segments.record import MAX_LINE_BYTES, RecordError, RequestLine

_BLOCK_BYTES: Final = 65_536


class Reading:
    """One pass over a segment; the account of it is complete when the iteration has ended.

    Iterating gives records, intents and rejects, and `line_number` and `byte_offset` are those of the item
    just given. Iterate once. Raises `OSError` when the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        name = SegmentName.parse(path.name)
        if name is None:
            raise SegmentError(f"{path} does not have the name of a segment")
        self.path = path
        self.name = name
        self.line_number = 0
        self.byte_offset = 0
        self.records = 0
        self.rejected = 0
        self.intents = 0
        self.first_seq: int | None = None
        self.missing_lines = 0
        self.seal: SealLine | None = None
        self._open: OpenLine | None = None
        self._due = 1
        self._disorder: str | None = None
        self._after_seal = 0
        self._totals = Totals()
        # One hash for the file and for what the seal vouches for: they part at the seal.
        self._sha256 = self._totals.sha256

    @property
    def last_seq(self) -> int | None:
        """The number of the last line, counted on from the last one that could be read."""
        return None if self.first_seq is None else self._due - 1

    @property
    def sha256(self) -> str:
        """Of the whole file."""
        return self._sha256.hexdigest()

    @property
    def previous(self) -> str | None:
        """The SHA-256 of the writer's segment before, as this one claims."""
        claimed = self._open.previous if self._open else None
        return storable(claimed[:64]) if claimed else None

    def __iter__(self) -> Iterator[RequestLine | IntentLine | Reject]:
        with self.path.open("rb") as file:
            yield from self._singly(file)

    def blocks(self) -> Iterator[Block | RequestLine | IntentLine | Reject]:
        """The same, with many lines at once where nothing is unusual."""
        with self.path.open("rb") as file:
            yield from self._singly(file, end=1)
            while data := file.read(_BLOCK_BYTES):
                data += file.readline(MAX_LINE_BYTES)
                block = read_block(data, self._due) if self.first_seq and not self.seal else None
                if block is None:
                    file.seek(self.byte_offset)
                    yield from self._singly(file, end=self.byte_offset + len(data))
                else:
                    yield self._counted(block, data)

    def _singly(self, file: BinaryIO, end: float = math.inf) -> Iterator[RequestLine | IntentLine | Reject]:
        """Line by line, all that begin before `end`."""
        while self.byte_offset < end and (data := file.readline(MAX_LINE_BYTES + 1)):
            self.line_number += 1
            item, size = self._taken(data), len(data)
            size += self._rest_of_line(data, file)
            if item is not None:
                yield item
            self.byte_offset += size

    def _counted(self, block: Block, data: bytes) -> Block:
        lines = len(block.records) + len(block.intents)
        self.records += len(block.records)
        self.intents += len(block.intents)
        self.line_number += lines
        self._due += lines
        self.byte_offset += len(data)
        self._sha256.update(data)
        self._totals.intents += len(block.intents)
        self._totals.count_all(
            records=len(block.records),
            prompt_tokens=sum([record.prompt_tokens for record in block.records]),
            completion_tokens=sum([record.completion_tokens for record in block.records]),
            cost_usd=block.cost_usd,
        )
        return block

    def _rest_of_line(self, data: bytes, file: BinaryIO) -> int:
        """Passes over what is left of an over-long line, and gives its size."""
        size = 0
        while len(data) > MAX_LINE_BYTES and not data.endswith(b"\n"):
            data = file.readline(MAX_LINE_BYTES + 1)
            self._sha256.update(data)
            size += len(data)
        return size

    def _taken(self, data: bytes) -> RequestLine | IntentLine | Reject | None:
        try:
            line = read_line(data)
        except RecordError as error:
            self._sha256.update(data)
            self._due += 1
            self._after_seal += self.seal is not None
            return self._reject(data, str(error))
        self._count(line)
        self._sha256.update(data)
        return line if isinstance(line, RequestLine | IntentLine) else None

    def _reject(self, data: bytes, reason: str) -> Reject:
        self.rejected += 1
        return Reject.of(
            data,
            segment=self.path.name,
            line_number=self.line_number,
            byte_offset=self.byte_offset,
            reason=reason,
        )

    def _count(self, line: Line) -> None:
        self._follow(line.seq)
        self._after_seal += self.seal is not None
        if isinstance(line, RequestLine):
            self.records += 1
            self._totals.count(line)
        elif isinstance(line, IntentLine):
            self.intents += 1
            self._totals.intents += 1
        elif isinstance(line, SealLine):
            self._sha256 = self._totals.sha256.copy() if self.seal is None else self._sha256
            self.seal = self.seal or line
        elif self.line_number == 1:
            self._open = line

    def _follow(self, seq: int) -> None:
        """Holds a line number against the one that is due."""
        if self.first_seq is None:
            # Lines before it that could not be read had numbers too.
            self.first_seq = max(1, seq - self._due + 1)
        elif seq > self._due:
            self.missing_lines += seq - self._due
        elif seq < self._due:
            self._disorder = (
                self._disorder or f"line {self.line_number} has seq {seq} where {self._due} was due"
            )
        self._due = seq + 1

    def problem(self) -> str | None:
        """What in the segment contradicts its seal or its name; None when nothing does."""
        found = [self._disorder] if self._disorder else []
        if self._open is None:
            found.append("the first line is not an open line")
        elif self._open.segment != self.path.name:
            found.append(f"the open line names segment {self._open.segment[:200]}")
        if self.seal is None:
            found.append("there is no seal line")
        else:
            found += _differences(self._totals, self.seal)
        if self._after_seal:
            found.append(f"{self._after_seal} lines stand after the seal")
        return storable("; ".join(found))[:2000] or None


def _differences(totals: Totals, seal: SealLine) -> list[str]:
    try:
        return totals.differences(seal)
    except InvalidOperation:
        return ["the cost_usd of the seal is not a number"]


def listing(directory: Path, kind: str = "usage") -> list[Path]:
    """The sealed segments of one kind in a log directory, in order. Raises `SegmentError`."""
    try:
        # glob() passes over a directory it may not read, which would look like one without segments.
        os.scandir(directory).close()
    except OSError as error:
        raise SegmentError(f"log directory {directory} cannot be read: {error.strerror}") from error
    return sealed_segments(directory, kind)


def record_times(path: Path) -> Iterator[datetime]:
    """When each record of a segment was created, aware. Raises `OSError`."""
    return (item.created_at for item in Reading(path) if isinstance(item, RequestLine))
