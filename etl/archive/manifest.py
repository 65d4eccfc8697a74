"""The manifest of an archived group of segments: what is in it, and the sums that prove it.

It is written last and named by its own SHA-256: a Parquet file that no manifest names does not count.
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
    """Counts and sums over records, and the times of the first and the last (None: there is none)."""

    records: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    first: datetime | None = None
    last: datetime | None = None


class ArchivedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment: its file, what the ETL makes of its lines, and what contradicts its seal (None: nothing).

    `seal` is the SHA-256 that its own seal line tells, `sha256` that of the whole file.
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
    """A Parquet file: records of one UTC day of `created_at`."""

    day: date
    sums: Sums


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A group of segments that was archived together; `pack` holds the segments as they were sealed."""

    schema: str = SCHEMA
    segments: tuple[ArchivedSegment, ...]
    files: tuple[DayFile, ...]
    pack: StoredFile
    sums: Sums


class Tally:
    """Adds up records to `Sums`. Exact under a decimal context of enough digits (see `etl.archive.run`)."""

    def __init__(self) -> None:
        self._records = self._prompt_tokens = self._completion_tokens = 0
        self._cost_usd = Decimal(0)
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, record: UsageRecord) -> None:
        """One more record; an unknown cost adds nothing."""
        self._records += 1
        self._prompt_tokens += record.prompt_tokens
        self._completion_tokens += record.completion_tokens
        if record.cost_usd is not None:
            self._cost_usd += as_money(record.cost_usd)
        self._stretch(record.created_at)

    def add_sums(self, sums: Sums) -> None:
        """More records at once."""
        self._records += sums.records
        self._prompt_tokens += sums.prompt_tokens
        self._completion_tokens += sums.completion_tokens
        self._cost_usd += sums.cost_usd
        if sums.first and sums.last:
            self._stretch(sums.first)
            self._stretch(sums.last)

    def _stretch(self, moment: datetime) -> None:
        if self._first is None or moment < self._first:
            self._first = moment
        if self._last is None or moment > self._last:
            self._last = moment

    def sums(self) -> Sums:
        """What has been added so far."""
        return Sums(
            records=self._records,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            cost_usd=Decimal(money_text(self._cost_usd)),
            first=self._first and self._first.astimezone(UTC),
            last=self._last and self._last.astimezone(UTC),
        )


def total(parts: Iterable[Sums]) -> Sums:
    """The sums of all parts together."""
    tally = Tally()
    for part in parts:
        tally.add_sums(part)
    return tally.sums()


def put(store: Store, manifest: Manifest) -> str:
    """Stores a manifest, which makes its group count; gives its name. Raises `ArchiveError`."""
    data = msgspec.json.encode(manifest)
    first, last = manifest.sums.first, manifest.sums.last
    days = f"{first.date()}_{last.date()}" if first and last else "empty"
    name = f"{FOLDER}/{days}_{hashlib.sha256(data).hexdigest()}.json"
    store.put(name, io.BytesIO(data))
    return name


def read(store: Store, name: str) -> Manifest:
    """Raises `ArchiveError` when it cannot be read or is not what its name says."""
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
        raise ArchiveError(f"manifest {name} of archive {store.url} cannot be understood: {error}") from error
    if manifest.schema != SCHEMA:
        raise ArchiveError(
            f"archive {store.url} was written by a newer version of Relay: {name} is no {SCHEMA}"
        )
    return manifest


def _may_hold(match: re.Match[str], since: datetime | None, until: datetime | None) -> bool:
    if since is None or until is None:
        return True
    if match["first"] is None:
        return False
    days = since.astimezone(UTC).date().isoformat(), until.astimezone(UTC).date().isoformat()
    return match["first"] <= days[1] and days[0] <= match["last"]


def read_all(
    store: Store, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[tuple[str, Manifest]]:
    """The manifests by name, or only those with records of the period. Raises `ArchiveError`."""
    for name in store.names(FOLDER):
        match = _NAME.fullmatch(name)
        if match and _may_hold(match, since, until):
            yield name, read(store, name)
