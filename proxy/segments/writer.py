"""Writes the records and intents of a process to usage segments, and captured content to content segments.

No record is lost while the process runs: records that cannot be written, on a full disk for example, stay in
memory and are written later. Content that cannot be written is dropped.
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
"""Free space on the disk of `logs.dir` that is reserved for usage: below it no content is written."""

_log = logging.getLogger(__name__)


class Counter(Protocol):
    """A Prometheus counter."""

    def inc(self) -> None:
        """Adds one."""


class Gauge(Protocol):
    """A Prometheus gauge."""

    def set(self, value: float) -> None:
        """Sets the value."""


class WriterMetrics(Protocol):
    """The metrics of a writer."""

    @property
    def log_records(self) -> Counter:
        """Records written."""

    @property
    def log_errors(self) -> Counter:
        """Failed writes."""

    @property
    def log_unsynced(self) -> Gauge:
        """Bytes written and not yet synced."""


class Writer:
    """The writer of one process. Its methods are called from the event loop only.

    Content segments are sealed before usage segments: when a request's record is sealed, so is its content.
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
        """Whether `durable` may have to wait."""

        self._config = config
        self._metrics = metrics
        self._waiting: deque[UsageRecord] = deque()
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="relay-disk")
        on_failure = metrics.log_errors.inc
        self._usage = SegmentLog(
            config, now, self._disk, kind="usage", on_failure=on_failure, on_unsynced=metrics.log_unsynced.set
        )
        self._content: SegmentLog | None = None
        if capture_content:
            self._content = SegmentLog(
                config, now, self._disk, kind="content", on_failure=on_failure, on_unsynced=lambda _: None
            )
        self._disk_is_low = False
        self._ticker: asyncio.Task[None] | None = None

    @property
    def failure(self) -> str | None:
        """Why the last usage line could not be written; None when it was written."""
        return self._usage.failure

    @property
    def captures_content(self) -> bool:
        """Whether content is captured."""
        return self._content is not None

    async def start(self) -> None:
        """Creates the directory and seals segments of writers that died. Raises `LogWriteError`."""
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
        """Why the log directory cannot be written; None when it can. Blocks: not for the event loop."""
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
        """Writes an intent. Raises `LogWriteError`; then the request must not be sent."""
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
        """Writes a record, or keeps it in memory until it can be written; never raises, never drops."""
        if self._waiting:
            self._waiting.append(record)
            self._write_waiting()
        elif not self._try_write(record):
            self._waiting.append(record)

    def content(self, content: Content) -> None:
        """Writes the content of a request, before its record; never raises.

        Content that cannot be written, or would use the reserved space, is dropped and counted as a failed
        write: in memory it would take the space that records need.
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
        """With `durability: strict`, waits until everything written is on disk. Raises `LogWriteError`."""
        if not self.waits_for_disk:
            return
        if self._waiting:
            raise LogWriteError("the log directory cannot be written")
        if self._content is not None:
            with suppress(LogWriteError):  # logged and counted; no answer waits for it
                await self._content.durable()
        await self._usage.durable()

    async def close(self) -> None:
        """Writes waiting records and seals the segments. Raises `LogWriteError` if records are lost."""
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        self._write_waiting()
        failure = self.failure  # before sealing, which may succeed
        self._seal()
        await asyncio.to_thread(self._disk.shutdown)
        if self._waiting:
            raise LogWriteError(f"{len(self._waiting)} records could not be written: {failure}")

    def _write_waiting(self) -> None:
        while self._waiting and self._try_write(self._waiting[0]):
            self._waiting.popleft()

    def _try_write(self, record: UsageRecord) -> bool:
        """Writes a record; False when that fails."""
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
            self._usage.replace_deleted()
            self._write_waiting()
            if self._content is not None:
                self._content.replace_deleted()
                self._check_disk()
            if self._usage.old:
                self._seal()
            if self._config.durability != "batch":
                continue
            if self._content is not None:
                await self._content.sync()
            await self._usage.sync()

    def _check_disk(self) -> None:
        """Stops and resumes writing content by the free space."""
        try:
            low = shutil.disk_usage(self._config.dir).free < RESERVED_BYTES
        except OSError:
            return  # the next write reports it
        if low != self._disk_is_low:
            state = "nearly full: content is left out" if low else "no longer full: content is written again"
            _log.warning("the disk of %s is %s", self._config.dir, state)
        self._disk_is_low = low
