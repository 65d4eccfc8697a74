"""Verifies an archived group against its manifest: hashes, counts, sums, and each segment."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from pyarrow import parquet

from etl.archive import manifest as manifests
from etl.archive import pack as archive_pack
from etl.archive.manifest import DayFile, Manifest, StoredFile, Sums, Tally
from etl.archive.store import Store
from proxy.segments.record import money_text

_COLUMNS = ["segment", "created_at", "prompt_tokens", "completion_tokens", "cost_usd"]
# A sum of 64-bit numbers may need more than 64 bits.
_SUM_TYPE = pa.decimal128(38, 0)


def sums_of(table: Any) -> Sums:
    """Exact counts and sums over a table of records."""
    times = pc.min_max(table["created_at"]).as_py()
    return Sums(
        records=table.num_rows,
        prompt_tokens=int(pc.sum(table["prompt_tokens"].cast(_SUM_TYPE)).as_py() or 0),
        completion_tokens=int(pc.sum(table["completion_tokens"].cast(_SUM_TYPE)).as_py() or 0),
        cost_usd=Decimal(money_text(pc.sum(table["cost_usd"]).as_py() or Decimal(0))),
        first=times["min"],
        last=times["max"],
    )


def is_intact(file: StoredFile, sha256: str, size: int) -> bool:
    """Whether hash and size are those in the manifest."""
    return (sha256, size) == (file.sha256, file.bytes)


def _by_segment(table: Any) -> Iterator[tuple[str, Sums]]:
    for name in pc.unique(table["segment"]).to_pylist():
        yield name, sums_of(table.filter(pc.equal(table["segment"], name)))


def _file_problem(store: Store, file: DayFile, tallies: dict[str, Tally]) -> str | None:
    """What is wrong with a Parquet file, or None; adds its records to the tallies of their segments."""
    with store.open(file.name) as stored:
        data = stored.read()
    if not is_intact(file, hashlib.sha256(data).hexdigest(), len(data)):
        return f"{file.name} is not the file that was written"
    table = parquet.read_table(pa.BufferReader(data), columns=_COLUMNS)
    for name, sums in _by_segment(table):
        tallies.setdefault(name, Tally()).add_sums(sums)
    if sums_of(table) != file.sums or not _within_day(file, file.sums.first, file.sums.last):
        return f"{file.name} does not contain the records that the manifest lists"
    return None


def _within_day(file: DayFile, *times: datetime | None) -> bool:
    return all(time is not None and time.date() == file.day for time in times)


def _pack_problems(store: Store, manifest: Manifest) -> Iterator[str]:
    with store.open(manifest.pack.name) as stored:
        pack = archive_pack.PackReader(stored)
        try:
            found = list(pack)
        except (OSError, ValueError, tarfile.TarError) as error:
            yield f"{manifest.pack.name} is damaged: {str(error).splitlines()[0]}"
            return
    if not is_intact(manifest.pack, pack.sha256, pack.size):
        yield f"{manifest.pack.name} is not the file that was written"
    if found != [(segment.name, segment.sha256, segment.bytes) for segment in manifest.segments]:
        yield f"{manifest.pack.name} does not contain the segments that the manifest lists"


def find_problems(store: Store, manifest: Manifest) -> list[str]:
    """What in the archive contradicts the manifest, one sentence each; empty when the group is intact.

    Holds one Parquet file in memory at a time. Raises `ArchiveError` when a file is missing or unreadable.
    """
    tallies: dict[str, Tally] = {}
    found = [problem for file in manifest.files if (problem := _file_problem(store, file, tallies))]
    found += [
        f"the records of {segment.name} are not those that the manifest lists"
        for segment in manifest.segments
        if tallies.pop(segment.name, Tally()).sums() != segment.sums
    ]
    found += [f"there are records of {name}, which the manifest does not list" for name in tallies]
    if manifests.total(segment.sums for segment in manifest.segments) != manifest.sums:
        found.append("the sums of the manifest are not those of its segments")
    return [*found, *_pack_problems(store, manifest)]
