"""Writes the segments of one kind, one after another: opens, appends, syncs, seals, rotates."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Concatenate, Literal, ParamSpec

from proxy.config.server import Logs
from proxy.errors import LogWriteError
from proxy.segments.file import SegmentFile
from proxy.segments.lines import SegmentName

Kind = Literal["usage", "content"]
P = ParamSpec("P")

_log = logging.getLogger(__name__)


def writer_name() -> str:
    """A name that is unique to this start of this process on this host."""
    host = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:24] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


class SegmentLog:
    """The segments of one kind; every line is written immediately. Called from the event loop only.

    `disk` has one thread, which syncs and seals segments in the order of the calls. `on_failure` is called
    for every failed write, `on_unsynced` with the number of bytes that are not yet synced.
    """

    def __init__(
        self,
        config: Logs,
        now: Callable[[], datetime],
        disk: ThreadPoolExecutor,
        *,
        kind: Kind,
        on_failure: Callable[[], object],
        on_unsynced: Callable[[int], object],
    ) -> None:
        self._config = config
        self._now = now
        self._disk = disk
        self._kind = kind
        self._on_failure = on_failure
        self._on_unsynced = on_unsynced
        self._segment: SegmentFile | None = None
        self._segment_began = 0.0
        self._number = self._seq = 0
        self._previous: str | None = None
        self._written = self._synced = self._lost = 0
        self._syncing: asyncio.Task[None] | None = None
        self.name = writer_name()
        self.failure: str | None = None

    def next_seq(self) -> int:
        """The number of the next line; opens a segment if there is none. Raises `LogWriteError`."""
        if self._segment is None:
            try:
                self._open()
            except OSError as error:
                raise self._failed(error) from error
        return self._seq + 1

    def append(
        self,
        write: Callable[Concatenate[SegmentFile, bytes, P], None],
        line: bytes,
        *counted: P.args,
        **named: P.kwargs,
    ) -> None:
        """Writes the line of `next_seq` with a method of the open segment.

        Raises `LogWriteError`; then nothing is written.
        """
        assert self._segment is not None
        try:
            write(self._segment, line, *counted, **named)
        except OSError as error:
            raise self._failed(error) from error
        self._wrote(len(line))

    @property
    def full(self) -> bool:
        """Whether the open segment has reached `rotate_bytes`."""
        return self._segment is not None and self._segment.size >= self._config.rotate_bytes

    @property
    def old(self) -> bool:
        """Whether the open segment has reached `rotate_seconds`."""
        age = time.monotonic() - self._segment_began
        return self._segment is not None and age >= self._config.rotate_seconds

    async def durable(self) -> None:
        """Waits until everything written is on disk. Raises `LogWriteError`."""
        target = self._written
        while self._synced < target:
            await self._sync()
        if target <= self._lost:  # these lines were in a segment that could not be synced
            raise LogWriteError("the log directory cannot be synced")

    async def sync(self) -> None:
        """Syncs what is not on disk; an error is logged and counted, and the next call tries again."""
        if self._synced < self._written:
            with suppress(LogWriteError):
                await self._sync()

    def replace_deleted(self) -> None:
        """Starts a new segment if the open one was deleted; the deleted lines are lost."""
        segment = self._segment
        if segment is None or not segment.is_deleted:
            return
        self._segment, self._lost = None, self._written
        self._disk.submit(segment.abandon)  # after a running sync
        self._on_failure()
        _log.error("%s was deleted while it was written: its lines are lost", segment.path)

    def seal(self) -> None:
        """Finishes the open segment; the disk thread syncs and renames it, in order."""
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

    def _open(self) -> None:
        """Opens a segment. Raises `OSError`."""
        name = SegmentName(kind=self._kind, started_at=self._now(), writer=self.name, number=self._number + 1)
        self._segment = SegmentFile.create(self._config.dir, name, seq=self._seq + 1, previous=self._previous)
        self._number += 1
        self._segment_began = time.monotonic()
        self._wrote(self._segment.size)

    def _wrote(self, size: int) -> None:
        if self.failure is not None:
            self.failure = None
            _log.info("%s can be written again", self._config.dir)
        self._seq += 1
        self._written += size
        self._on_unsynced(self._written - self._synced)

    def _failed(self, error: OSError) -> LogWriteError:
        """Logs and counts a failed write; returns the error to raise."""
        self._on_failure()
        failure = f"{self._config.dir}: {error.strerror}"
        if failure != self.failure:  # writes are retried ten times a second
            _log.error("cannot write to %s", failure)
        self.failure = failure
        return LogWriteError("the log directory cannot be written")

    def _published(self, name: str, target: int, error: BaseException | None) -> None:
        """Called on the disk thread when a segment has been published, or could not be."""
        if error is None:
            self._synced = max(self._synced, target)
            self._on_unsynced(self._written - self._synced)
        else:
            self._lost = max(self._lost, target)
            self._on_failure()
            _log.error("cannot seal %s: %s; the next start will", name, error)

    async def _sync(self) -> None:
        """Waits for the running fsync, or starts one: concurrent calls share it."""
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync_now())
        await asyncio.shield(self._syncing)

    async def _sync_now(self) -> None:
        target, segment = self._written, self._segment
        loop = asyncio.get_running_loop()
        try:
            # A seal in between is queued on the same thread and syncs the segment that it closes.
            await loop.run_in_executor(self._disk, segment.sync if segment else int)
        except OSError as error:
            raise self._failed(error) from error
        self._synced = max(self._synced, target)
        self._on_unsynced(self._written - self._synced)
