"""Verifies sealed segments: the seal fits the bytes, and DuckDB reads every field as the seal counts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from proxy.segments.lines import SealLine
from relayctl.sources import segments
from relayctl.sources.file_metadata import FileMetadata, Fingerprint, SourceFile, TimeRange, fingerprint
from relayctl.sources.statements import Connection, rows, sql

_UNREADABLE = (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException)


def _sealed(path: Path) -> tuple[Fingerprint | None, SealLine | None]:
    """The file's fingerprint, taken first, and its seal if that is right."""
    found = fingerprint(path)
    try:
        return found, segments.verified_seal(path)
    except OSError:
        return found, None


def _read(connection: Connection, files: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """Reads files into `chunk`; returns those that DuckDB can read. Only if all can, all are in there."""
    if not files:
        return []
    parameters = {
        "files": [segments.glob_escaped(path) for _, path in files],
        "numbers": [number for number, _ in files],
    }
    try:
        connection.execute(sql("verify_read_segments"), parameters)
    except _UNREADABLE:
        middle = len(files) // 2
        return [] if not middle else [*_read(connection, files[:middle]), *_read(connection, files[middle:])]
    return files


def _as_sealed(seal: SealLine, row: Mapping[str, Any] | None) -> bool:
    """Whether DuckDB found in the segment what its seal says."""
    if row is None:
        return seal.records == 0
    counted = ("records", "prompt_tokens", "completion_tokens")
    return (
        bool(row["is_exact"])
        and all(row[name] == getattr(seal, name) for name in counted)
        and seal.cost_usd.is_finite()
        and row["cost_usd"] == seal.cost_usd
    )


def _times(row: Mapping[str, Any] | None) -> TimeRange | None:
    if row is None:
        return None
    return TimeRange(first=row["first"].replace(tzinfo=UTC), last=row["last"].replace(tzinfo=UTC))


class SegmentVerifier:
    """Verifies the segments it was made for; the threads of `pool` compute their hashes ahead."""

    def __init__(self, connection: Connection, pool: Executor, files: Iterable[SourceFile]) -> None:
        self._connection = connection
        self._pool = pool
        self._seals = {file.name: pool.submit(_sealed, file.path) for file in files}

    def verify(self, files: Sequence[SourceFile]) -> dict[str, FileMetadata]:
        """Reads segments into `chunk` and returns their metadata; those that no longer exist are left out."""
        checked = [self._sealed(file) for file in files]
        sealed = [(number, files[number].path) for number, (_, seal) in enumerate(checked) if seal]
        readable = _read(self._connection, sealed)
        if len(readable) < len(sealed):
            readable = _read(self._connection, readable)
        numbers = {number for number, _ in readable}
        read = {row["file"]: row for row in rows(self._connection, sql("verify_chunk"))} if readable else {}
        found = {}
        for number, (file, (file_fingerprint, seal)) in enumerate(zip(files, checked, strict=True)):
            if file_fingerprint:
                row = read.get(number)
                verified = seal is not None and number in numbers and _as_sealed(seal, row)
                times = _times(row) if verified else None
                found[file.name] = FileMetadata(
                    fingerprint=file_fingerprint, is_verified=verified, times=times
                )
        return found

    def _sealed(self, file: SourceFile) -> tuple[Fingerprint | None, SealLine | None]:
        started = self._seals.pop(file.name, None)
        return started.result() if started else _sealed(file.path)
