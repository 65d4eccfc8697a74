"""The manifest of an archived group of segments: its files and segments, with hashes and sums to verify them.

It is written last and named after its own SHA-256. Readers ignore Parquet files that no manifest names.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from etl.archive.store import Store
from etl.errors import ArchiveError
from proxy.segments.record import UsageRecord, as_money, money_text

SCHEMA: Final = "relay.archive/v1"
FOLDER: Final = "manifests"

_NAME = re.compile(
    rf"{FOLDER}/((?P<first>\d{{4}}-\d\d-\d\d)_(?P<last>\d{{4}}-\d\d-\d\d)|empty)_(?P<sha256>[0-9a-f]{{64}})\.json"
)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and sums over records, and the times of the first and the last (None without records)."""

    records: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    first: datetime | None = None
    last: datetime | None = None


class ArchivedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment: its file, the counts of its lines, and how it contradicts its seal (None: it does not).

    `seal` is the SHA-256 in its seal line, `sha256` that of the whole file.
    """

    name: str
    sha256: str
    bytes: int
    seal: str | None
    rejected: int
    intents: int
    problem: str | None
    sums: Sums


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the archive."""

    name: str
    sha256: str
    bytes: int


class DayFile(StoredFile, frozen=True, kw_only=True):
    """A Parquet file with records of one UTC day of `created_at`."""

    day: date
    sums: Sums


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A group of segments that were archived together; `pack` contains the segment files unchanged."""

    schema: str = SCHEMA
    segments: tuple[ArchivedSegment, ...]
    files: tuple[DayFile, ...]
    pack: StoredFile
    sums: Sums


class Tally:
    """Accumulates `Sums`; exact in a decimal context with enough digits (see `etl.archive.run`)."""

    def __init__(self) -> None:
        self._records = self._prompt_tokens = self._completion_tokens = 0
        self._cost_usd = Decimal(0)
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, record: UsageRecord) -> None:
        """Adds a record; an unknown cost adds nothing."""
        self._records += 1
        self._prompt_tokens += record.prompt_tokens
        self._completion_tokens += record.completion_tokens
        if record.cost_usd is not None:
            self._cost_usd += as_money(record.cost_usd)
        self._extend_range(record.created_at)

    def add_sums(self, sums: Sums) -> None:
        """Adds the sums of more records."""
        self._records += sums.records
        self._prompt_tokens += sums.prompt_tokens
        self._completion_tokens += sums.completion_tokens
        self._cost_usd += sums.cost_usd
        if sums.first and sums.last:
            self._extend_range(sums.first)
            self._extend_range(sums.last)

    def _extend_range(self, time: datetime) -> None:
        if self._first is None or time < self._first:
            self._first = time
        if self._last is None or time > self._last:
            self._last = time

    def sums(self) -> Sums:
        """The sums so far."""
        return Sums(
            records=self._records,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            cost_usd=Decimal(money_text(self._cost_usd)),
            first=self._first and self._first.astimezone(UTC),
            last=self._last and self._last.astimezone(UTC),
        )


def total(parts: Iterable[Sums]) -> Sums:
    """The total of several sums."""
    tally = Tally()
    for part in parts:
        tally.add_sums(part)
    return tally.sums()


def put(store: Store, manifest: Manifest) -> str:
    """Stores a manifest, which completes its group, and returns its name. Raises `ArchiveError`."""
    data = msgspec.json.encode(manifest)
    first, last = manifest.sums.first, manifest.sums.last
    days = f"{first.date()}_{last.date()}" if first and last else "empty"
    name = f"{FOLDER}/{days}_{hashlib.sha256(data).hexdigest()}.json"
    store.put(name, io.BytesIO(data))
    return name


def read(store: Store, name: str) -> Manifest:
    """Reads a manifest. Raises `ArchiveError` when it is unreadable or was changed."""
    with store.open(name) as file:
        data = file.read()
    match = _NAME.fullmatch(name)
    if match is None or hashlib.sha256(data).hexdigest() != match["sha256"]:
        raise ArchiveError(
            f"manifest {name} of archive {store.url} was changed after it was written: restore it"
        )
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise ArchiveError(f"manifest {name} of archive {store.url} cannot be decoded: {error}") from error
    if manifest.schema != SCHEMA:
        raise ArchiveError(
            f"archive {store.url} was written by a newer version of Relay: {name} is not {SCHEMA}"
        )
    return manifest


def _may_overlap(match: re.Match[str], since: datetime | None, until: datetime | None) -> bool:
    if since is None or until is None:
        return True
    if match["first"] is None:
        return False
    days = since.astimezone(UTC).date().isoformat(), until.astimezone(UTC).date().isoformat()
    return match["first"] <= days[1] and days[0] <= match["last"]


def read_all(
    store: Store, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[tuple[str, Manifest]]:
    """Yields the manifests with their names, optionally only those of a period. Raises `ArchiveError`."""
    for name in store.names(FOLDER):
        match = _NAME.fullmatch(name)
        if match and _may_overlap(match, since, until):
            yield name, read(store, name)
