"""The writer of a process: records and intents to usage segments, and captured content to its own.

It never loses a record while the process lives: what a full disk refuses waits in memory, counted, and is
written when there is room again. Content never waits: it is left out.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

from proxy.config.server import Logs
from proxy.errors import LogWriteError
from proxy.segments.content_lines import Content, content_line
from proxy.segments.file import SegmentFile, seal_leftovers
from proxy.segments.lines import intent_line
from proxy.segments.log import SegmentLog
from proxy.segments.record import UsageRecord, to_line

TICK_SECONDS: Final = 0.1
RESERVED_BYTES: Final = 268_435_456
"""Room on the disk of `logs.dir` that is for usage alone: below it no content is written."""

_log = logging.getLogger(__name__)


class Count(Protocol):
    """A counter of Prometheus."""

    def inc(self) -> None:
        """Adds to it."""


class Level(Protocol):
    """A gauge of Prometheus."""

    def set(self, value: float) -> None:
        """Replaces its value."""


class WriterMetrics(Protocol):
    """The metrics that a writer keeps: records and failed writes counted, bytes not yet synced."""

    @property
    def log_records(self) -> Count:
        """Records written."""

    @property
    def log_errors(self) -> Count:
        """Failed writes."""

    @property
    def log_unsynced(self) -> Level:
        """Bytes written and not yet synced."""


class Writer:
    """Writes what one process has to tell. Its methods are called from the event loop only.

    A segment of content is always sealed before one of usage: where the record of a request is sealed, what
    was captured of it is.
    """

    def __init__(
        self,
        config: Logs,
        metrics: WriterMetrics,
        now: Callable[[], datetime],
        *,
        capture_content: bool = False,
    ) -> None:
        self.waits_for_disk: Final = config.durability == "strict"
        """Whether `durable` has anything to wait for."""

        self._config = config
        self._metrics = metrics
        self._waiting: deque[UsageRecord] = deque()
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="relay-disk")
        failed = metrics.log_errors.inc
        self._usage = SegmentLog(
            config, now, self._disk, kind="usage", failed=failed, unsynced=metrics.log_unsynced.set
        )
        self._content: SegmentLog | None = None
        if capture_content:
            self._content = SegmentLog(
                config, now, self._disk, kind="content", failed=failed, unsynced=lambda _: None
            )
        self._disk_is_low = False
        self._ticker: asyncio.Task[None] | None = None

    @property
    def failure(self) -> str | None:
        """Why the last line of usage could not be written; None when it was."""
        return self._usage.failure

    @property
    def captures_content(self) -> bool:
        """Whether `content` is to be called at all."""
        return self._content is not None

    async def start(self) -> None:
        """Makes the directory, seals what dead writers left. Raises `LogWriteError`."""
        try:
            self._config.dir.mkdir(parents=True, exist_ok=True)
            sealed = await asyncio.get_running_loop().run_in_executor(
                self._disk, seal_leftovers, self._config.dir
            )
        except OSError as error:
            raise LogWriteError(
                f"the log directory {self._config.dir} cannot be used: {error.strerror}; set logs.dir"
            ) from error
        for path in sealed:
            _log.warning("sealed %s, which a writer that died had left open", path.name)
        self._ticker = asyncio.create_task(self._tick())

    def unwritable(self) -> str | None:
        """Why the log directory cannot be written, if so. Looks at the disk, so not for the event loop."""
        try:
            probe = self._config.dir / f".{self._usage.name}.probe"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            return f"{self._config.dir}: {error.strerror}"
        return None

    def intent(
        self, *, request_id: str, created_at: datetime, user_id: str, team_id: str, model: str, endpoint: str
    ) -> None:
        """Says that a request is about to go upstream. Raises `LogWriteError`: then it must not go."""
        if not self._config.intents:
            return
        line = intent_line(
            seq=self._usage.next_seq(),
            request_id=request_id,
            created_at=created_at,
            user_id=user_id,
            team_id=team_id,
            model=model,
            endpoint=endpoint,
        )
        self._usage.append(SegmentFile.append_intent, line)
        if self._usage.full:
            self._seal()

    def record(self, record: UsageRecord) -> None:
        """Writes a record, or keeps it until it can be written; never raises, never drops."""
        if self._waiting:
            self._waiting.append(record)
            self._write_waiting()
        elif not self._written(record):
            self._waiting.append(record)

    def content(self, content: Content) -> None:
        """Writes the content of a request, before its record; never raises.

        What the disk refuses is left out and counted as a failed write: kept, it would take the memory that
        records need. So is what would take the last of the disk.
        """
        if self._content is None:
            return
        if self._disk_is_low:
            self._metrics.log_errors.inc()
            return
        with suppress(LogWriteError):
            line = content_line(content, self._content.next_seq())
            self._content.append(SegmentFile.append_content, line)
        if self._content.full:
            self._content.seal()

    async def durable(self) -> None:
        """With `durability: strict`, returns when all that is written is on disk. Raises `LogWriteError`."""
        if not self.waits_for_disk:
            return
        if self._waiting:
            raise LogWriteError("the log directory cannot be written")
        if self._content is not None:
            with suppress(LogWriteError):  # told and counted; no answer is held back for it
                await self._content.durable()
        await self._usage.durable()

    async def close(self) -> None:
        """Writes what waits, seals the segments. Raises `LogWriteError` if records could not be written."""
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        self._write_waiting()
        failure = self.failure  # for there may be room left for a seal
        self._seal()
        await asyncio.to_thread(self._disk.shutdown)
        if self._waiting:
            raise LogWriteError(f"{len(self._waiting)} records could not be written: {failure}")

    def _write_waiting(self) -> None:
        while self._waiting and self._written(self._waiting[0]):
            self._waiting.popleft()

    def _written(self, record: UsageRecord) -> bool:
        """Writes a record; False when the disk refuses it."""
        try:
            line = to_line(record, self._usage.next_seq())
            self._usage.append(SegmentFile.append_record, line, record)
        except LogWriteError:
            return False
        self._metrics.log_records.inc()
        if self._usage.full:
            self._seal()
        return True

    def _seal(self) -> None:
        if self._content is not None:
            self._content.seal()
        self._usage.seal()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._usage.leave_deleted()
            self._write_waiting()
            if self._content is not None:
                self._content.leave_deleted()
                self._look_at_disk()
            if self._usage.old:
                self._seal()
            if self._config.durability != "batch":
                continue
            if self._content is not None:
                await self._content.sync()
            await self._usage.sync()

    def _look_at_disk(self) -> None:
        """Content stops while there is room left for records."""
        try:
            low = shutil.disk_usage(self._config.dir).free < RESERVED_BYTES
        except OSError:
            return  # the next write tells what is wrong
        if low != self._disk_is_low:
            told = "nearly full: content is left out" if low else "no longer full: content is written again"
            _log.warning("the disk of %s is %s", self._config.dir, told)
        self._disk_is_low = low
