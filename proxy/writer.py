"""The writer of segments: every line is in the kernel's hands at once, on disk as `logs.durability` says.

It never loses a record while the process lives: what a full disk refuses waits in memory, counted, and is
written when there is room again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Final

from proxy.config import Logs
from proxy.errors import LogWriteError
from proxy.metrics import Metrics
from proxy.record import UsageRecord, to_line
from proxy.segment import SegmentName, intent_line
from proxy.segment_file import SegmentFile, seal_leftovers

TICK_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


def writer_name() -> str:
    """A name that no other start of any process on any host has."""
    host = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:24] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


class Writer:
    """Writes one process's records. Its methods are called from the event loop only."""

    def __init__(self, config: Logs, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._config = config
        self._metrics = metrics
        self._now = now
        self._name = writer_name()
        self._segment: SegmentFile | None = None
        self._segment_began = 0.0
        self._number = self._seq = 0
        self._previous: str | None = None
        self._waiting: deque[UsageRecord] = deque()
        self._written = self._synced = self._lost = 0
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="relay-disk")
        self._syncing: asyncio.Task[None] | None = None
        self._ticker: asyncio.Task[None] | None = None
        self.failure: str | None = None

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
            probe = self._config.dir / f".{self._name}.probe"
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
        try:
            segment = self._current()
            line = intent_line(
                seq=self._seq + 1,
                request_id=request_id,
                created_at=created_at,
                user_id=user_id,
                team_id=team_id,
                model=model,
                endpoint=endpoint,
            )
            segment.append_intent(line)
        except OSError as error:
            self._failed(error)
            raise LogWriteError("the log directory cannot be written") from error
        self._wrote(len(line))

    def record(self, record: UsageRecord) -> None:
        """Writes a record, or keeps it until it can be written; never raises, never drops."""
        self._waiting.append(record)
        self._write_waiting()

    async def durable(self) -> None:
        """With `durability: strict`, returns when all that is written is on disk. Raises `LogWriteError`."""
        if self._config.durability != "strict":
            return
        if self._waiting:
            raise LogWriteError("the log directory cannot be written")
        target = self._written
        while self._synced < target:
            await self._sync()
        if target <= self._lost:  # a segment that could not be synced had these lines
            raise LogWriteError("the log directory cannot be synced")

    async def close(self) -> None:
        """Writes what waits and seals the segment. Raises `LogWriteError` if records could not be written."""
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        self._write_waiting()
        self._seal()
        await asyncio.to_thread(self._disk.shutdown)
        if self._waiting:
            raise LogWriteError(f"{len(self._waiting)} records could not be written: {self.failure}")

    def _write_waiting(self) -> None:
        while self._waiting:
            try:
                segment = self._current()
                line = to_line(self._waiting[0], self._seq + 1)
                segment.append_record(line, self._waiting[0])
            except OSError as error:
                self._failed(error)
                return
            self._waiting.popleft()
            self._metrics.log_records.inc()
            self._wrote(len(line))

    def _current(self) -> SegmentFile:
        """The segment to write to; a new one where none is open. Raises `OSError`."""
        if self._segment is None:
            name = SegmentName(started_at=self._now(), writer=self._name, number=self._number + 1)
            self._segment = SegmentFile.create(
                self._config.dir, name, seq=self._seq + 1, previous=self._previous
            )
            self._number += 1
            self._segment_began = time.monotonic()
            self._wrote(self._segment.size)
        return self._segment

    def _wrote(self, size: int) -> None:
        self.failure = None
        self._seq += 1
        self._written += size
        self._metrics.log_unsynced.set(self._written - self._synced)
        if self._segment is not None and self._segment.size >= self._config.rotate_bytes:
            self._seal()

    def _failed(self, error: OSError) -> None:
        self._metrics.log_errors.inc()
        self.failure = f"{self._config.dir}: {error.strerror}"
        _log.error("cannot write to %s", self.failure)

    def _seal(self) -> None:
        """Ends the open segment; fsync and rename follow on the disk thread, before any later segment's."""
        segment = self._segment
        if segment is None:
            return
        size = segment.size
        try:
            self._previous = segment.finish(seq=self._seq + 1, sealed_at=self._now())
        except OSError as error:
            self._failed(error)
            return
        self._segment = None
        self._wrote(segment.size - size)
        target = self._written
        self._disk.submit(segment.publish).add_done_callback(
            lambda done: self._published(segment.path.name, target, done.exception())
        )

    def _published(self, name: str, target: int, error: BaseException | None) -> None:
        """Runs on the disk thread."""
        if error is None:
            self._synced = max(self._synced, target)
            self._metrics.log_unsynced.set(self._written - self._synced)
        else:
            self._lost = max(self._lost, target)
            self._metrics.log_errors.inc()
            _log.error("cannot seal %s: %s; the next start will", name, error)

    async def _sync(self) -> None:
        """Joins the fsync that is running, or starts the next: one fsync serves all who wait."""
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync_now())
        await asyncio.shield(self._syncing)

    async def _sync_now(self) -> None:
        target, segment = self._written, self._segment
        loop = asyncio.get_running_loop()
        try:
            # Sealing, when it comes between, is queued on the same thread and syncs what it closes.
            await loop.run_in_executor(self._disk, segment.sync if segment else int)
        except OSError as error:
            self._failed(error)
            raise LogWriteError("the log directory cannot be synced") from error
        self._synced = max(self._synced, target)
        self._metrics.log_unsynced.set(self._written - self._synced)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._write_waiting()
            age = time.monotonic() - self._segment_began
            if self._segment is not None and age >= self._config.rotate_seconds:
                self._seal()
            if self._config.durability == "batch" and self._synced < self._written:
                with suppress(LogWriteError):
                    await self._sync()
