"""Reports from sealed segments in S3: copied to this machine for as long as the answer takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.archive_store import Store
from proxy.segment import OPEN_SUFFIX, SegmentName
from relayctl.errors import SourceError
from relayctl.question import Answer, Question
from relayctl.sources.logs import LogRecords, LogSource


@dataclass(frozen=True, kw_only=True)
class RemoteLogSource:
    """The sealed segments under a prefix, and an archive; while they are read they need disk, not memory."""

    store: Store
    now: Callable[[], datetime]
    archive: Store | None = None

    def answer(self, question: Question) -> Answer:
        """Raises `SourceError` or `EtlError` when the bucket cannot be read or the disk is full."""
        with self.opened(question) as records:
            return records.answer(question)

    @contextmanager
    def opened(self, question: Question) -> Iterator[LogRecords]:
        """Raises as `answer` does."""
        with self.local() as source, source.opened(question) as records:
            yield records

    @contextmanager
    def local(self) -> Iterator[LogSource]:
        """The segments as they are now, on this machine. Raises as `answer` does."""
        as_of = self.now()
        names = [name for name in self.store.names("") if _is_sealed(name)]
        with TemporaryDirectory(prefix="relayctl-") as folder:
            try:
                with ThreadPoolExecutor() as pool:
                    list(pool.map(lambda name: self.store.local(name, Path(folder)), names))
            except OSError as error:
                raise SourceError(
                    f"segments of {self.store.url} cannot be copied to {error.filename}: {error.strerror}"
                ) from error
            yield LogSource(directory=Path(folder), archive=self.archive, now=lambda: as_of)


def _is_sealed(name: str) -> bool:
    parsed = SegmentName.parse(name)
    return parsed is not None and parsed.kind == "usage" and not name.endswith(OPEN_SUFFIX)
