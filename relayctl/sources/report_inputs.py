"""Decides what a report reads: files that the rollup cache answers, and files whose records are loaded.

A record may be in two files, and counts once. Files in one cache were compared with each other. Files that
were not compared may have a record in common only if they have records of the same time, so a file is
answered from the cache only if no file outside of it has records of that time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from proxy.segments.lines import SegmentName
from relayctl.reports.time_range import Period
from relayctl.sources.archive import ArchiveSelection
from relayctl.sources.file_metadata import FileMetadata, SourceFile, TimeRange, TimeRanges, fingerprint
from relayctl.sources.rollup_cache import RollupCache
from relayctl.sources.segments import Findings, glob_escaped, write_clean_copy
from relayctl.sources.statements import Connection, naive, sql
from relayctl.sources.verification import SegmentVerifier

_RECORD_BYTES: Final = 1000
"""A record and its intent seldom take less."""


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """All files of a period: verified segments, clean copies of others, and an archive.

    `load_order` is the position of each segment, local or archived, by name; `copied` are the times of the
    records in copies. `rollup_files` are the files whose sums are read from a cache, because none of their
    records is in another file; `rollups` has their ids by the name of that cache.
    """

    archive: ArchiveSelection
    load_order: Mapping[str, int]
    segments: dict[str, Path] = field(default_factory=dict)
    metadata: dict[str, FileMetadata] = field(default_factory=dict)
    copies: dict[str, Path] = field(default_factory=dict)
    copied: list[TimeRange | None] = field(default_factory=list)
    caches: tuple[RollupCache, ...] = ()
    rollups: dict[str, list[int]] = field(default_factory=dict)
    rollup_files: set[str] = field(default_factory=set)

    def sources(
        self,
        since: datetime,
        until: datetime,
        wanted: Callable[[str], bool],
        lists: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The statements that select the records of a period from files of such names, with parameters."""
        period = {"since": naive(since), "until": naive(until)}
        local = {
            name: path
            for name, path in self.segments.items()
            if self.metadata[name].may_contain(since, until)
        }
        for paths in (local, self.copies):
            files = {name: path for name, path in paths.items() if wanted(name)}
            if files:
                order = [self.load_order[name] for name in files]
                escaped = [glob_escaped(path) for path in files.values()]
                yield sql("segment_records", **lists or {}), {"files": escaped, "load_orders": order} | period
        needed = {name for name, one in self.archive.metadata.items() if one.may_contain(since, until)}
        for group in self.archive.groups(lambda name: name in needed and wanted(name)):
            parameters = {
                "files": [glob_escaped(self.archive.paths[name]) for name in group.files],
                "segments": group.segments,
                "load_orders": [self.load_order[name] for name in group.segments],
            }
            yield sql("parquet_records", **lists or {}), parameters | period


def load_order(names: Iterable[str]) -> dict[str, int]:
    """The position of each segment in the order in which the ETL loads them."""
    parsed = [(SegmentName.parse(name), name) for name in names]
    ordered = sorted((segment, name) for segment, name in parsed if segment)
    return {name: position for position, (_, name) in enumerate(ordered)}


def verify_new(
    connection: Connection, cache: RollupCache, paths: Iterable[Path], listed: Iterable[Path]
) -> None:
    """Verifies those of the segments `paths` that are new or changed; `listed` is the whole directory."""
    present = {path.name: fingerprint(path) for path in listed}
    stale = [name for name, one in cache.files.items() if present.get(name) != one.fingerprint]
    known = cache.files.keys() - stale
    new = [
        SourceFile(name=path.name, path=path, records=(present.get(path.name) or (0,))[0] // _RECORD_BYTES)
        for path in paths
        if path.name not in known
    ]
    pool = ThreadPoolExecutor()
    try:
        cache.update(new, stale, SegmentVerifier(connection, pool, new).verify)
    finally:
        pool.shutdown(cancel_futures=True)


def add_segments(
    inputs: ReportInputs,
    paths: Iterable[Path],
    files: Mapping[str, FileMetadata],
    period: Period,
    *,
    scratch: Path,
    findings: Findings,
) -> None:
    """Adds the segments with records of the period; `scratch` takes clean copies of those not verified."""
    for path in paths:
        known = files.get(path.name)
        if known and not known.may_contain(period.since, period.until):
            continue
        if known and known.is_verified:
            inputs.segments[path.name], inputs.metadata[path.name] = path, known
            continue
        copy = scratch / f"{inputs.load_order[path.name]}.jsonl"
        try:
            times = write_clean_copy(path, copy, findings)
        except OSError as error:
            findings.unreadable.append(f"{path.name}: {error.strerror}")
            continue
        inputs.copies[path.name] = copy
        inputs.copied.append(times)


def select_rollups(inputs: ReportInputs) -> None:
    """Selects the files that the caches answer: first that of the logs, then that of the archive."""
    sides = (inputs.metadata, inputs.archive.metadata)
    unknown = [one.times for files in sides for one in files.values() if one.cache_id is None]
    for cache, files, others in zip(inputs.caches, sides, reversed(sides), strict=False):
        outside = TimeRanges([*inputs.copied, *unknown, *(one.times for one in others.values())])
        usable = {
            name: one.cache_id
            for name, one in files.items()
            if one.cache_id is not None and one.has_rollups and not outside.overlaps(one.times)
        }
        inputs.rollup_files.update(usable)
        if usable:
            inputs.rollups[cache.name] = list(usable.values())
