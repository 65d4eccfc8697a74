"""Reports from sealed segments in S3: copied to this machine for as long as the answer takes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.archive_store import Store
from proxy.segment import OPEN_SUFFIX, SegmentName
from relayctl.errors import SourceError
from relayctl.question import Answer, Question
from relayctl.sources.logs import LogSource


@dataclass(frozen=True, kw_only=True)
class RemoteLogSource:
    """The sealed segments under a prefix, and an archive; while they are read they need disk, not memory."""

    store: Store
    now: Callable[[], datetime]
    archive: Store | None = None

    def answer(self, question: Question) -> Answer:
        """Raises `SourceError` or `EtlError` when the bucket cannot be read or the disk is full."""
        as_of = self.now()
        names = [name for name in self.store.names("") if _is_sealed(name)]
        try:
            with TemporaryDirectory(prefix="relayctl-") as folder, ThreadPoolExecutor() as pool:
                list(pool.map(lambda name: self.store.local(name, Path(folder)), names))
                source = LogSource(directory=Path(folder), archive=self.archive, now=lambda: as_of)
                return source.answer(question)
        except OSError as error:
            raise SourceError(
                f"segments of {self.store.url} cannot be copied to {error.filename}: {error.strerror}"
            ) from error


def _is_sealed(name: str) -> bool:
    parsed = SegmentName.parse(name)
    return parsed is not None and parsed.kind == "usage" and not name.endswith(OPEN_SUFFIX)
