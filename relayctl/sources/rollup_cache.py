"""A cache of hourly and daily sums per source file, in one DuckDB file for each log directory or archive.

Sealed segments and archived Parquet files never change, so each is read and verified once. The cache is
attached read-only; only new, changed or removed files make a report open it for writing. Where it is locked
by another process, cannot be read or cannot be written, reports read the records instead.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import duckdb

from relayctl.sources.file_metadata import FileMetadata, SourceFile, TimeRange, TimeRanges
from relayctl.sources.statements import Connection, naive, rows, sql

_CHUNK_RECORDS: Final = 500_000
"""How many records are read at once; it determines how much memory is needed."""
_GRAINS: Final = {"hourly": "hour", "daily": "day"}
"""The tables of sums, and what their periods are."""
_TABLES: Final = (*_GRAINS, "record_hashes")
_STATEMENTS: Final = {
    "add_files": "rollup_cache_add_files",
    "add_hashes": "rollup_cache_add_hashes",
    "add_sums": "rollup_cache_add_sums",
    "check_duplicates": "rollup_cache_check_duplicates",
    "delete_files": "rollup_cache_delete_files",
}
_IN_USE: Final = re.compile("Could not set lock|already attached|file handle conflict")
_FOLDER: Final = "rollups"
_OLD_CACHES: Final = re.compile(r"facts-[0-9a-f]{32}")

Verify = Callable[[Sequence[SourceFile]], dict[str, FileMetadata]]
"""Reads files into the table `chunk`, each under its index, and returns their metadata by name."""


def cache_directory() -> Path:
    """The cache directory of this user's programs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "relay"


def _format(root: Path) -> str:
    """Identifies tables, directory and DuckDB's version, whose hashes may differ from those of others."""
    text = "\n".join([sql("rollup_cache_create", cache="x"), str(root.absolute()), duckdb.__version__])
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _chunks(files: Iterable[SourceFile]) -> Iterator[list[SourceFile]]:
    chunk: list[SourceFile] = []
    size = 0
    for file in files:
        if chunk and size + file.records > _CHUNK_RECORDS:
            yield chunk
            chunk, size = [], 0
        chunk.append(file)
        size += file.records
    if chunk:
        yield chunk


def _metadata(row: Mapping[str, Any]) -> FileMetadata:
    first, last = row["first"], row["last"]
    times = (
        TimeRange(first=first.replace(tzinfo=UTC), last=last.replace(tzinfo=UTC)) if first and last else None
    )
    return FileMetadata(
        fingerprint=tuple(row["fingerprint"]),
        is_verified=row["is_verified"],
        times=times,
        cache_id=row["id"],
        # Until the records of a file were compared with all others, they may be in another one.
        has_duplicates=row["has_duplicates"] is not False,
    )


class RollupCache:
    """The cache of the files under `root`, attached to the connection under a name.

    `files` has the metadata of the files that are known. Without a `directory` nothing is cached. While
    `is_writing`, the records of the files to verify are needed in the table `chunk`.
    """

    def __init__(self, connection: Connection, name: str, root: Path, directory: Path | None) -> None:
        self.name = name
        self.files: dict[str, FileMetadata] = {}
        self._connection = connection
        self._format = _format(root)
        self._path: Path | None = None
        self._is_pending = False
        self.is_writing = False
        if directory and _made(directory):
            digest = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:32]
            self._path = directory / _FOLDER / f"{digest}.duckdb"
            if self._path.exists() and self._attach(read_only=True):
                self._read_files()

    def update(self, new: Sequence[SourceFile], stale: Iterable[str], verify: Verify) -> None:
        """Verifies new files and adds their sums; deletes the sums of stale files.

        Where the cache cannot be written, the new files are only verified.
        """
        changed = [name for name in stale if name in self.files]
        if new or changed or self._is_pending:
            written = self._open_for_writing() and self._write(new, changed, verify)
            self._detach()
            if self._attach(read_only=True):
                self._read_files()
            else:
                self.files = {name: replace(one, cache_id=None) for name, one in self.files.items()}
            if not written:
                for name in changed:
                    self.files.pop(name, None)
        for chunk in _chunks(file for file in new if file.name not in self.files):
            self.files |= verify(chunk)

    def discard(self) -> None:
        """Deletes the cache file, which cannot be read or is of another version."""
        if self._path:
            for file in (self._path, self._path.with_name(f"{self._path.name}.wal")):
                with suppress(OSError):
                    file.unlink(missing_ok=True)

    def _write(self, new: Sequence[SourceFile], changed: Sequence[str], verify: Verify) -> bool:
        """False if that is impossible; the cache is deleted then."""
        try:
            self._delete([self.files[name].cache_id for name in changed])
            next_id = max((row["id"] for row in self._rows()), default=-1) + 1
            for chunk in _chunks(sorted(new, key=lambda file: file.name)):
                self.is_writing = True
                found = verify(chunk)
                self.is_writing = False
                with _transaction(self._connection):
                    self._add(chunk, found, next_id)
                next_id += len(chunk)
            self._check_duplicates()
        except duckdb.Error:
            self.is_writing = False
            self.discard()
            return False
        return True

    def _delete(self, ids: list[int | None]) -> None:
        with _transaction(self._connection):
            for table, column in (("files", "id"), *((table, "file") for table in _TABLES)):
                self._execute("delete_files", {"ids": ids}, table, column)

    def _add(self, chunk: Sequence[SourceFile], found: Mapping[str, FileMetadata], first_id: int) -> None:
        known = [
            (number, file.name, found[file.name]) for number, file in enumerate(chunk) if file.name in found
        ]
        added = {
            "ids": [first_id + number for number, _, _ in known],
            "names": [name for _, name, _ in known],
            "fingerprints": [list(one.fingerprint) for _, _, one in known],
            "verified": [one.is_verified for _, _, one in known],
            "first": [one.times and naive(one.times.first) for _, _, one in known],
            "last": [one.times and naive(one.times.last) for _, _, one in known],
        }
        self._execute("add_files", added)
        numbers = [number for number, _, one in known if one.is_verified and one.times]
        if numbers:
            parameters = {"numbers": numbers, "ids": [first_id + number for number in numbers]}
            for table, grain in _GRAINS.items():
                self._execute("add_sums", parameters, table, grain=grain)
            self._execute("add_hashes", parameters)

    def _check_duplicates(self) -> None:
        found = self._rows()
        unchecked = TimeRanges(_metadata(row).times for row in found if row["has_duplicates"] is None)
        ids = [
            row["id"]
            for row in found
            if row["has_duplicates"] is not False or unchecked.overlaps(_metadata(row).times)
        ]
        with _transaction(self._connection):
            self._execute("check_duplicates", {"ids": ids})

    def _execute(
        self,
        name: str,
        parameters: dict[str, Any],
        table: str = "",
        column: str = "",
        *,
        grain: str = "",
    ) -> None:
        text = sql(_STATEMENTS[name], cache=self.name, table=table, column=column, grain=grain)
        self._connection.execute(text, parameters)

    def _rows(self) -> list[dict[str, Any]]:
        return rows(self._connection, sql("rollup_cache_files", cache=self.name))

    def _read_files(self) -> None:
        found = self._rows()
        self.files = {row["name"]: _metadata(row) for row in found}
        self._is_pending = any(row["has_duplicates"] is None for row in found)

    def _open_for_writing(self) -> bool:
        self._detach()
        if self._path is None:
            return False
        if self._path.exists() and self._attach(read_only=False):
            return True
        if self._path.exists():
            return False
        self.files.clear()
        with suppress(duckdb.Error):
            self._connection.execute(self._attachment(read_only=False))
            with _transaction(self._connection):
                self._connection.execute(sql("rollup_cache_create", cache=self.name))
                self._connection.execute(
                    sql("rollup_cache_set_format", cache=self.name), {"format": self._format}
                )
            return True
        self._detach()
        return False

    def _attach(self, *, read_only: bool) -> bool:
        """Whether the cache could be opened; an invalid one is deleted, a locked one stays."""
        try:
            self._connection.execute(self._attachment(read_only=read_only))
            (row,) = rows(self._connection, sql("rollup_cache_format", cache=self.name))
            if row["format"] == self._format:
                return True
        except ValueError:
            pass
        except duckdb.Error as error:
            if _IN_USE.search(str(error)):
                return False
        self._detach()
        self.discard()
        return False

    def _attachment(self, *, read_only: bool) -> str:
        path = str(self._path).replace("'", "''")
        return f"ATTACH '{path}' AS {self.name}{' (READ_ONLY)' if read_only else ''}"

    def _detach(self) -> None:
        with suppress(duckdb.Error):
            self._connection.execute(f"DETACH DATABASE IF EXISTS {self.name}")


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):
            connection.rollback()
        raise
    connection.commit()


def _made(directory: Path) -> bool:
    """Creates a folder for its owner only, and removes old caches; False where that is impossible."""
    try:
        (directory / _FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in directory.iterdir():
            if _OLD_CACHES.fullmatch(old.name):
                shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return False
    return True
