"""Packs sealed segments unchanged into one `tar.zst`, as evidence after the log files are removed.

`tar --zstd -xf <name>.tar.zst -C <log directory>` restores the same files.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import pyarrow as pa  # type: ignore[import-untyped]

_FRAME_BYTES: Final = 8 * 2**20
_COMPRESSION_LEVEL: Final = 9
_CHUNK_BYTES: Final = 2**20


class _FrameWriter(io.RawIOBase):
    """Compresses what is written to it, in frames of limited size."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        # pyarrow's compressing stream has no level option, and its default needs a third more bytes.
        self._codec = pa.Codec("zstd", compression_level=_COMPRESSION_LEVEL)
        self._buffer = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._buffer += data
        if len(self._buffer) >= _FRAME_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._buffer:
            self._file.write(self._codec.compress(bytes(self._buffer), asbytes=True))
            self._buffer.clear()


class _HashingReader(io.RawIOBase):
    """Reads a file and hashes what is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._sha256.update(data)
        self.size += len(data)
        buffer[: len(data)] = data
        return len(data)


def sha256_and_size(file: IO[bytes]) -> tuple[str, int]:
    """SHA-256 and size in bytes of the rest of a file."""
    reader = _HashingReader(file)
    while reader.read(_CHUNK_BYTES):
        pass
    return reader.sha256, reader.size


def write(paths: list[Path], file: BinaryIO) -> dict[str, str]:
    """Packs segments into the file and returns the SHA-256 of each by name. Raises `OSError`.

    Equal segments give equal bytes.
    """
    frames, hashes = _FrameWriter(file), {}
    with tarfile.open(mode="w|", fileobj=frames) as tar:
        for path in paths:
            with path.open("rb") as segment:
                reader = _HashingReader(segment)
                entry = tarfile.TarInfo(path.name)
                entry.size = path.stat().st_size
                entry.mode = 0o640
                tar.addfile(entry, reader)
            hashes[path.name] = reader.sha256
    frames.flush()
    return hashes


class PackReader:
    """Reads a pack once: iterating yields name, SHA-256 and size of each segment.

    `sha256` and `size` are those of the pack itself, when the iteration has ended.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = _HashingReader(file)

    @property
    def sha256(self) -> str:
        return self._file.sha256

    @property
    def size(self) -> int:
        return self._file.size

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        """Raises `OSError`, `ValueError` or `tarfile.TarError` when it is not a pack or is damaged."""
        plain = pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), "zstd")
        with tarfile.open(mode="r|", fileobj=plain) as tar:
            for entry in tar:
                member = tar.extractfile(entry)
                if member is not None:
                    yield (entry.name, *sha256_and_size(member))
        while self._file.read(_CHUNK_BYTES):
            pass
