"""The segments of one kind that a process writes, one after the other: opened, written, synced and sealed."""

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
    """A name that no other start of any process on any host has."""
    host = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:24] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


class SegmentLog:
    """One kind of segment; every line is in the kernel's hands at once. Called from the event loop only.

    `disk` has one thread, on which segments are synced and sealed in the order of the calls. `failed` is
    called for every write that fails, `unsynced` with the bytes that are not on disk yet.
    """

    def __init__(
        self,
        config: Logs,
        now: Callable[[], datetime],
        disk: ThreadPoolExecutor,
        *,
        kind: Kind,
        failed: Callable[[], object],
        unsynced: Callable[[int], object],
    ) -> None:
        self._config = config
        self._now = now
        self._disk = disk
        self._kind = kind
        self._tell_failed = failed
        self._tell_unsynced = unsynced
        self._segment: SegmentFile | None = None
        self._segment_began = 0.0
        self._number = self._seq = 0
        self._previous: str | None = None
        self._written = self._synced = self._lost = 0
        self._syncing: asyncio.Task[None] | None = None
        self.name = writer_name()
        self.failure: str | None = None

    def next_seq(self) -> int:
        """The number of the next line, for which a segment is then open. Raises `LogWriteError`."""
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
        """Writes the line of `next_seq` at once, by a method of the open segment.

        Raises `LogWriteError`, and then it is not written.
        """
        assert self._segment is not None
        try:
            write(self._segment, line, *counted, **named)
        except OSError as error:
            raise self._failed(error) from error
        self._wrote(len(line))

    @property
    def full(self) -> bool:
        """Whether the open segment has its size."""
        return self._segment is not None and self._segment.size >= self._config.rotate_bytes

    @property
    def old(self) -> bool:
        """Whether the open segment has its age."""
        age = time.monotonic() - self._segment_began
        return self._segment is not None and age >= self._config.rotate_seconds

    async def durable(self) -> None:
        """Returns when all that is written is on disk. Raises `LogWriteError`."""
        target = self._written
        while self._synced < target:
            await self._sync()
        if target <= self._lost:  # a segment that could not be synced had these lines
            raise LogWriteError("the log directory cannot be synced")

    async def sync(self) -> None:
        """Brings to disk what is not there; an error is told and counted, and tried again the next time."""
        if self._synced < self._written:
            with suppress(LogWriteError):
                await self._sync()

    def leave_deleted(self) -> None:
        """Looks whether somebody has removed the open segment: what it held is lost, what follows is not."""
        segment = self._segment
        if segment is None or not segment.is_deleted:
            return
        self._segment, self._lost = None, self._written
        self._disk.submit(segment.abandon)  # behind what is being synced
        self._tell_failed()
        _log.error("%s was deleted while it was written: its lines are lost", segment.path)

    def seal(self) -> None:
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

    def _open(self) -> None:
        """Begins a segment. Raises `OSError`."""
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
        self._tell_unsynced(self._written - self._synced)

    def _failed(self, error: OSError) -> LogWriteError:
        """Tells and counts what went wrong; gives what is to be raised."""
        self._tell_failed()
        failure = f"{self._config.dir}: {error.strerror}"
        if failure != self.failure:  # it is tried again ten times a second
            _log.error("cannot write to %s", failure)
        self.failure = failure
        return LogWriteError("the log directory cannot be written")

    def _published(self, name: str, target: int, error: BaseException | None) -> None:
        """Runs on the disk thread."""
        if error is None:
            self._synced = max(self._synced, target)
            self._tell_unsynced(self._written - self._synced)
        else:
            self._lost = max(self._lost, target)
            self._tell_failed()
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
            raise self._failed(error) from error
        self._synced = max(self._synced, target)
        self._tell_unsynced(self._written - self._synced)
