"""The storage of an archive: a directory or `s3://bucket/prefix`.

Names are relative paths with slashes. Callers name a file after its SHA-256, so a second put has no effect
and no conditional put is needed (which pyarrow's S3 does not have).
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from etl.errors import ArchiveError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_AWS_ERROR = re.compile(r"AWS Error \w+ during \w+ operation(?: \(HTTP status \d+\))?: (?P<text>.*)")
_IRRELEVANT = re.compile(r"^curlCode: \d+, |; Details:.*| ?\(Request ID.*|[.:]?\s*$")
_CHUNK_BYTES: Final = 8 * 2**20


class Store(Protocol):
    """Stores the files of an archive. Every method raises `ArchiveError`, whose message has no secret."""

    @property
    def url(self) -> str:
        """The address as users write it."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, sorted; empty when there is no such folder."""
        ...

    def put(self, name: str, data: BinaryIO) -> None:
        """Stores the rest of the file under the name."""
        ...

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Opens a stored file, to be read once from beginning to end."""
        ...

    def local(self, name: str, scratch: Path) -> Path:
        """The path of a local file with these bytes: the stored one, or a copy in the directory `scratch`."""
        ...


def _reason(error: OSError) -> str:
    found = _AWS_ERROR.search(str(error))
    text = found["text"] if found else error.strerror or str(error).splitlines()[0]
    text = _IRRELEVANT.sub("", _IRRELEVANT.sub("", text))
    return text[:1].lower() + text[1:]


@contextmanager
def _translate_errors(url: str, participle: str) -> Iterator[None]:
    """Turns `OSError` into "<url> cannot be <participle>: <reason>"."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"{url} cannot be {participle}: {_reason(error)}") from error


class LocalStore:
    """An archive in a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        return str(self._root)

    def names(self, folder: str) -> list[str]:
        with _translate_errors(self.url, "read"):
            # The root must exist: a mistyped one would look like an empty archive.
            os.scandir(self._root).close()
            path = self._root / folder
            found = [entry.name for entry in path.iterdir()] if path.exists() else []
        return sorted(f"{folder}/{name}" for name in found if not name.startswith("."))

    def put(self, name: str, data: BinaryIO) -> None:
        target = self._root / name
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        with _translate_errors(self.url, "written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:
                    shutil.copyfileobj(data, file, _CHUNK_BYTES)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.rename(target)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_directories(target.parent, self._root)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with _translate_errors(self.url, "read"), (self._root / name).open("rb") as file:
            yield file

    def local(self, name: str, scratch: Path) -> Path:
        return self._root / name


def _sync_directories(*paths: Path) -> None:
    """Makes the entries of directories durable."""
    for path in set(paths):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class S3Store:
    """An archive under a prefix of a bucket.

    Endpoint, region and credentials come from the standard AWS environment variables.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self._base = f"{bucket}/{prefix}".strip("/")

    @property
    def url(self) -> str:
        return f"s3://{self._base}"

    def names(self, folder: str) -> list[str]:
        from pyarrow import fs  # type: ignore[import-untyped] # noqa: PLC0415 - see _s3

        path = f"{self._base}/{folder}" if folder else self._base
        with _translate_errors(self.url, "read"):
            try:
                found = _s3().get_file_info(fs.FileSelector(path))
            except FileNotFoundError:
                found = []
        return sorted(info.path.removeprefix(f"{self._base}/") for info in found if info.is_file)

    def put(self, name: str, data: BinaryIO) -> None:
        with (
            _translate_errors(self.url, "written"),
            _s3().open_output_stream(f"{self._base}/{name}") as stream,
        ):
            # If reading fails midway, pyarrow stores a part; without a manifest, readers ignore it.
            shutil.copyfileobj(data, stream, _CHUNK_BYTES)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with _translate_errors(self.url, "read"), _s3().open_input_stream(f"{self._base}/{name}") as stream:
            yield stream

    def local(self, name: str, scratch: Path) -> Path:
        copy = scratch / name.replace("/", "_")
        with self.open(name) as stored, copy.open("wb") as file:
            shutil.copyfileobj(stored, file, _CHUNK_BYTES)
        return copy


def _s3() -> Any:
    # Imported only here, because an archive in a directory is read without pyarrow.
    from pyarrow import fs  # noqa: PLC0415 - see above

    return fs.S3FileSystem(
        endpoint_override=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        allow_delayed_open=True,
        background_writes=False,
    )


def open_store(url: str, *, create: bool = False) -> Store:
    """The archive in a directory, which `create` creates, or at `s3://bucket/prefix`, not contacted yet.

    Raises `ArchiveError` for any other address, or when the directory cannot be created.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        if create:
            with _translate_errors(url, "written"):
                Path(url).mkdir(parents=True, exist_ok=True)
        return LocalStore(Path(url))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not _BUCKET.fullmatch(bucket):
        # The message does not repeat the address, which may contain credentials.
        raise ArchiveError(
            "the address is neither a directory nor s3://bucket/prefix "
            "(credentials belong in the AWS environment variables)"
        )
    return S3Store(bucket, prefix)
