"""Sealed segments as they are, together in one `tar.zst`: what proves the bill when the logs are gone.

Any tool unpacks it: `tar --zstd -xf <name>.tar.zst -C <log directory>` gives the very same files.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import pyarrow as pa  # type: ignore[import-untyped]

_FRAME: Final = 8 * 2**20
_LEVEL: Final = 9
_CHUNK: Final = 2**20


class _Frames(io.RawIOBase):
    """Compresses what is written to it, one frame of bounded size after the other."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        # pyarrow's compressing stream takes no level, and its default costs a third more bytes.
        self._codec = pa.Codec("zstd", compression_level=_LEVEL)
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        if len(self._waiting) >= _FRAME:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._waiting:
            self._file.write(self._codec.compress(bytes(self._waiting), asbytes=True))
            self._waiting.clear()


class _Hashing(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

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


def hashed(file: IO[bytes]) -> tuple[str, int]:
    """SHA-256 and size of what is left of a file."""
    reader = _Hashing(file)
    while reader.read(_CHUNK):
        pass
    return reader.sha256, reader.size


def write(paths: list[Path], file: BinaryIO) -> dict[str, str]:
    """Packs segments into the file, and gives the SHA-256 of each as it was packed. Raises `OSError`.

    The same segments always give the same bytes.
    """
    frames, found = _Frames(file), {}
    with tarfile.open(mode="w|", fileobj=frames) as tar:
        for path in paths:
            with path.open("rb") as segment:
                reader = _Hashing(segment)
                entry = tarfile.TarInfo(path.name)
                entry.size = path.stat().st_size
                entry.mode = 0o640
                tar.addfile(entry, reader)
            found[path.name] = reader.sha256
    frames.flush()
    return found


class Unpacked:
    """Reads a pack once: iterating gives each segment's name, SHA-256 size; at the end the pack's own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = _Hashing(file)

    @property
    def sha256(self) -> str:
        return self._file.sha256

    @property
    def size(self) -> int:
        return self._file.size

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        """Raises `OSError`, `ValueError` or `tarfile.TarError` when it is no pack, or a damaged one."""
        plain = pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), "zstd")
        with tarfile.open(mode="r|", fileobj=plain) as tar:
            for entry in tar:
                member = tar.extractfile(entry)
                if member is not None:
                    yield (entry.name, *hashed(member))
        while self._file.read(_CHUNK):
            pass
