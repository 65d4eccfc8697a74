"""Reports from sealed segments in S3, which are copied to this machine for the duration of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.archive.store import Store
from proxy.segments.lines import OPEN_SUFFIX, SegmentName
from relayctl.errors import SourceError
from relayctl.reports.query import Answer, ReportQuery
from relayctl.sources.logs import LogRecords, LogSource


@dataclass(frozen=True, kw_only=True)
class RemoteLogSource:
    """The sealed segments under a prefix, and an archive; reading them needs disk space, not memory."""

    store: Store
    now: Callable[[], datetime]
    archive: Store | None = None

    def answer(self, query: ReportQuery) -> Answer:
        """Raises `SourceError` or `EtlError` when the bucket cannot be read or the disk is full."""
        with self.opened(query) as records:
            return records.answer(query)

    @contextmanager
    def opened(self, query: ReportQuery) -> Iterator[LogRecords]:
        """Raises as `answer` does."""
        with self.local() as source, source.opened(query) as records:
            yield records

    @contextmanager
    def local(self) -> Iterator[LogSource]:
        """A copy of the segments on this machine. Raises as `answer` does."""
        as_of = self.now()
        with copied(self.store) as directory:
            yield LogSource(
                directory=directory, archive=self.archive, now=lambda: as_of, copy_of=self.store.url
            )


@contextmanager
def copied(store: Store, *, since: datetime | None = None) -> Iterator[Path]:
    """A directory with the sealed segments under a prefix, or those that were still written to at `since`.

    Raises `EtlError` when the bucket cannot be read, `SourceError` when the disk is full.
    """
    sealed = {parsed: name for name in store.names("") if (parsed := _sealed(name))}
    names = [sealed[one] for one in (sealed if since is None else _written_since(since, sealed))]
    with TemporaryDirectory(prefix="relayctl-") as folder:
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda name: store.local(name, Path(folder)), names))
        except OSError as error:
            raise SourceError(
                f"segments of {store.url} cannot be copied to {error.filename}: {error.strerror}"
            ) from error
        yield Path(folder)


def _sealed(name: str) -> SegmentName | None:
    parsed = None if name.endswith(OPEN_SUFFIX) else SegmentName.parse(name)
    return parsed if parsed and parsed.kind == "usage" else None


def _written_since(since: datetime, segments: Iterable[SegmentName]) -> list[SegmentName]:
    """Those whose writer had not begun its next one by then; when a writer's last one ended is unknown."""
    begun = {(one.writer, one.number): one.started_at for one in segments}
    # A name has whole seconds, rounded down.
    early = since - timedelta(seconds=1)
    return [one for one in segments if begun.get((one.writer, one.number + 1), since) >= early]
