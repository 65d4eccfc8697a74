"""Reads one sealed segment: its records, intents and rejects.

An invalid line does not stop the reader, and an over-long line is never held in memory whole.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from etl.errors import SegmentError
from etl.segments.blocks import Block, read_block
from etl.segments.integrity import Integrity
from etl.segments.lines import read_line
from etl.segments.rejects import Reject
from proxy.segments.lines import IntentLine, SegmentName, sealed_segments
from proxy.segments.record import MAX_LINE_BYTES, RecordError, RequestLine

_BLOCK_BYTES: Final = 65_536


class SegmentReader:
    """Reads a segment once, from the first line to the last.

    Iterating yields records, intents and rejects; `line_number` and `byte_offset` are those of the item
    yielded last. The counts and `integrity` are complete when the iteration has ended. Iterate once. Raises
    `OSError` when the file cannot be read.
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
        self.integrity = Integrity(path.name)

    def __iter__(self) -> Iterator[RequestLine | IntentLine | Reject]:
        with self.path.open("rb") as file:
            yield from self._read_lines(file)

    def blocks(self) -> Iterator[Block | RequestLine | IntentLine | Reject]:
        """Yields the same items, with many lines combined in a block where all have the usual form."""
        integrity = self.integrity
        with self.path.open("rb") as file:
            yield from self._read_lines(file, end=1)
            while data := file.read(_BLOCK_BYTES):
                data += file.readline(MAX_LINE_BYTES)
                in_sequence = integrity.first_seq and not integrity.seal
                block = read_block(data, integrity.expected_seq) if in_sequence else None
                if block is None:
                    file.seek(self.byte_offset)
                    yield from self._read_lines(file, end=self.byte_offset + len(data))
                else:
                    self._add_block(block, data)
                    yield block

    def _read_lines(
        self, file: BinaryIO, end: float = math.inf
    ) -> Iterator[RequestLine | IntentLine | Reject]:
        """Yields the items of all lines that begin before the byte offset `end`."""
        while self.byte_offset < end and (data := file.readline(MAX_LINE_BYTES + 1)):
            self.line_number += 1
            item, size = self._parse(data), len(data)
            size += self._skip_rest_of_line(data, file)
            if item is not None:
                yield item
            self.byte_offset += size

    def _add_block(self, block: Block, data: bytes) -> None:
        self.records += len(block.records)
        self.intents += len(block.intents)
        self.line_number += len(block.records) + len(block.intents)
        self.byte_offset += len(data)
        self.integrity.add_block(block, data)

    def _skip_rest_of_line(self, data: bytes, file: BinaryIO) -> int:
        """Reads past the remainder of an over-long line and returns its size in bytes."""
        size = 0
        while len(data) > MAX_LINE_BYTES and not data.endswith(b"\n"):
            data = file.readline(MAX_LINE_BYTES + 1)
            self.integrity.add_rest_of_line(data)
            size += len(data)
        return size

    def _parse(self, data: bytes) -> RequestLine | IntentLine | Reject | None:
        try:
            line = read_line(data)
        except RecordError as error:
            self.integrity.add_invalid_line(data)
            self.rejected += 1
            return Reject.from_line(
                data,
                segment=self.path.name,
                line_number=self.line_number,
                byte_offset=self.byte_offset,
                reason=str(error),
            )
        self.integrity.add_line(line, data, self.line_number)
        if isinstance(line, RequestLine):
            self.records += 1
            return line
        if isinstance(line, IntentLine):
            self.intents += 1
            return line
        return None


def list_segments(directory: Path, kind: str = "usage") -> list[Path]:
    """The sealed segments of one kind in a log directory, in order. Raises `SegmentError`."""
    try:
        # glob() skips an unreadable directory, which would look like one without segments.
        os.scandir(directory).close()
    except OSError as error:
        raise SegmentError(f"log directory {directory} cannot be read: {error.strerror}") from error
    return sealed_segments(directory, kind)


def record_times(path: Path) -> Iterator[datetime]:
    """The `created_at` of each record of a segment, timezone-aware. Raises `OSError`."""
    return (item.created_at for item in SegmentReader(path) if isinstance(item, RequestLine))
