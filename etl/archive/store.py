"""Where an archive lies: a directory or `s3://bucket/prefix`; what is put there is whole or does not count.

Names are relative paths with slashes. Whoever puts a file names it by its own SHA-256, so that
putting it twice changes nothing, and no store needs a conditional put (which pyarrow's S3 does not have).
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
_NOISE = re.compile(r"^curlCode: \d+, |; Details:.*| ?\(Request ID.*|[.:]?\s*$")
_CHUNK: Final = 8 * 2**20


class Store(Protocol):
    """A place for the files of an archive. Every method raises `ArchiveError`, without a secret in it."""

    @property
    def url(self) -> str:
        """The place as a user writes it."""
        ...

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted; nothing when there is no such folder."""
        ...

    def put(self, name: str, data: BinaryIO) -> None:
        """Stores what is left of the file under the name."""
        ...

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """The stored bytes, to be read once from begin to end."""
        ...

    def local(self, name: str, scratch: Path) -> Path:
        """A local file with these bytes: the stored one, or a copy in the empty directory `scratch`."""
        ...


def _reason(error: OSError) -> str:
    found = _AWS_ERROR.search(str(error))
    text = found["text"] if found else error.strerror or str(error).splitlines()[0]
    text = _NOISE.sub("", _NOISE.sub("", text))
    return text[:1].lower() + text[1:]


@contextmanager
def _told(url: str, doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"{url} cannot be {doing}: {_reason(error)}") from error


class LocalStore:
    """A directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        return str(self._root)

    def names(self, folder: str) -> list[str]:
        with _told(self.url, "read"):
            # The root must be there: a mistyped one would look like an archive without anything in it.
            os.scandir(self._root).close()
            place = self._root / folder
            found = [path.name for path in place.iterdir()] if place.exists() else []
        return sorted(f"{folder}/{name}" for name in found if not name.startswith("."))

    def put(self, name: str, data: BinaryIO) -> None:
        target = self._root / name
        hidden = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        with _told(self.url, "written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with hidden.open("xb") as file:
                    shutil.copyfileobj(data, file, _CHUNK)
                    file.flush()
                    os.fsync(file.fileno())
                hidden.rename(target)
            finally:
                hidden.unlink(missing_ok=True)
            _sync_names(target.parent, self._root)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with _told(self.url, "read"), (self._root / name).open("rb") as file:
            yield file

    def local(self, name: str, scratch: Path) -> Path:
        return self._root / name


def _sync_names(directory: Path, root: Path) -> None:
    """Makes the names in a directory durable, and its own name in the archive."""
    for place in {directory, root}:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class S3Store:
    """A prefix of a bucket; endpoint, region and credentials come from the standard AWS variables."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._base = f"{bucket}/{prefix}".strip("/")

    @property
    def url(self) -> str:
        return f"s3://{self._base}"

    def names(self, folder: str) -> list[str]:
        from pyarrow import fs  # type: ignore[import-untyped] # noqa: PLC0415 - see _s3

        place = f"{self._base}/{folder}" if folder else self._base
        with _told(self.url, "read"):
            try:
                found = _s3().get_file_info(fs.FileSelector(place))
            except FileNotFoundError:
                found = []
        return sorted(info.path.removeprefix(f"{self._base}/") for info in found if info.is_file)

    def put(self, name: str, data: BinaryIO) -> None:
        with _told(self.url, "written"), _s3().open_output_stream(f"{self._base}/{name}") as stream:
            # When reading fails midway pyarrow stores what it has: without a manifest that does not count.
            shutil.copyfileobj(data, stream, _CHUNK)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with _told(self.url, "read"), _s3().open_input_stream(f"{self._base}/{name}") as stream:
            yield stream

    def local(self, name: str, scratch: Path) -> Path:
        copy = scratch / name.replace("/", "_")
        with self.open(name) as stored, copy.open("wb") as file:
            shutil.copyfileobj(stored, file, _CHUNK)
        return copy


def _s3() -> Any:
    # Imported only where it is used: an archive in a directory is read without pyarrow.
    from pyarrow import fs  # noqa: PLC0415 - see above

    return fs.S3FileSystem(
        endpoint_override=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        allow_delayed_open=True,
        background_writes=False,
    )


def open_store(url: str, *, create: bool = False) -> Store:
    """The archive at a directory, which `create` makes, or at `s3://bucket/prefix`, which is not asked yet.

    Raises `ArchiveError` for any other address, or when the directory cannot be made.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        if create:
            with _told(url, "written"):
                Path(url).mkdir(parents=True, exist_ok=True)
        return LocalStore(Path(url))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not _BUCKET.fullmatch(bucket):
        # The address is not repeated: somebody may have written credentials into it.
        raise ArchiveError(
            "the address is neither a directory nor s3://bucket/prefix "
            "(credentials belong in the AWS environment variables)"
        )
    return S3Store(bucket, prefix)
