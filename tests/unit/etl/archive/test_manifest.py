"""A manifest is named by what it is: its days and its own hash."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from etl.archive import manifest as manifests
from etl.archive.manifest import ArchivedSegment, DayFile, Manifest, StoredFile, Sums, Tally
from etl.archive.store import LocalStore
from etl.errors import ArchiveError
from tests.support.report_data import record

FIRST = datetime(2026, 11, 1, 23, 59, tzinfo=UTC)
LAST = datetime(2026, 11, 3, 0, 0, 0, 1, tzinfo=UTC)


def manifest(first: datetime | None, last: datetime | None) -> Manifest:
    sums = Sums(records=2, prompt_tokens=7, cost_usd=Decimal("0.000000000001"), first=first, last=last)
    return Manifest(
        segments=(
            ArchivedSegment(
                name="usage-20261101T000000Z-w-000001.jsonl",
                sha256="a" * 64,
                bytes=100,
                seal=None,
                rejected=1,
                intents=0,
                problem="there is no seal line",
                sums=sums,
            ),
        ),
        files=(DayFile(name="day=x/y.parquet", sha256="b" * 64, bytes=5, day=date(2026, 11, 1), sums=sums),),
        pack=StoredFile(name="segments/z.tar.zst", sha256="c" * 64, bytes=9),
        sums=sums,
    )


def test_a_manifest_comes_back_as_it_was_put(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for moments in ((FIRST, LAST), (None, None)):
        name = manifests.put(store, manifest(*moments))
        assert manifests.read(store, name) == manifest(*moments)


def test_its_name_tells_its_days_and_its_hash(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    name = manifests.put(store, manifest(FIRST, LAST))
    sha256 = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    assert name == f"manifests/2026-11-01_2026-11-03_{sha256}.json"
    assert manifests.put(store, manifest(None, None)).startswith("manifests/empty_")


# A period in UTC, and whether a manifest of 1 to 3 November is opened for it.
PERIODS = [
    ((datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)), False),
    ((datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)), True),
    ((datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 2, 1, tzinfo=UTC)), True),
    ((datetime(2026, 11, 3, 12, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)), True),
    ((datetime(2026, 11, 4, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)), False),
    # 4 November in a zone where it begins before midnight UTC.
    ((datetime(2026, 11, 4, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 12, 1, tzinfo=UTC)), True),
]


@pytest.mark.parametrize(("period", "expected"), PERIODS)
def test_a_manifest_of_other_days_is_not_even_opened(
    tmp_path: Path, period: tuple[datetime, datetime], expected: bool
) -> None:
    store = LocalStore(tmp_path)
    name = manifests.put(store, manifest(FIRST, LAST))
    manifests.put(store, manifest(None, None))
    found = manifests.read_all(store, since=period[0], until=period[1])
    assert [name for name, _ in found] == ([name] if expected else [])


# What stands in the place of what, in the file.
CHANGES = [(b"}", b"} "), (b'"prompt_tokens":7', b'"prompt_tokens":8'), (b"{", b"")]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_manifest_is_refused(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    store = LocalStore(tmp_path)
    name = manifests.put(store, manifest(FIRST, LAST))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(*change))
    with pytest.raises(ArchiveError, match="was changed after it was written: restore it"):
        manifests.read(store, name)


NEWER = b"""{"schema": "relay.archive/v2", "segments": [], "files": [], "sums": {},
    "pack": {"name": "", "sha256": "", "bytes": 0}}"""
# What a file of the right name holds, and what is said about it.
FOREIGN = [
    (b'{"schema":"relay.archive/v1"}', "cannot be decoded"),
    (NEWER, "was written by a newer version"),
]


@pytest.mark.parametrize(("data", "told"), FOREIGN)
def test_what_this_version_does_not_know_is_refused(tmp_path: Path, data: bytes, told: str) -> None:
    name = f"manifests/empty_{hashlib.sha256(data).hexdigest()}.json"
    (tmp_path / "manifests").mkdir()
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ArchiveError, match=told):
        manifests.read(LocalStore(tmp_path), name)


def test_a_tally_is_exact_and_knows_the_first_and_the_last() -> None:
    tally = Tally()
    with localcontext(prec=60):
        for number in (2, 1, 3):
            tally.add(record(number, cost_usd=Decimal("999999999999.999999999999")))
        tally.add(record(4, cost_usd=None))
        sums = tally.sums()
    assert sums.cost_usd == Decimal("2999999999999.999999999997")
    assert (sums.records, sums.prompt_tokens, sums.completion_tokens) == (4, 100, 10)
    assert (sums.first, sums.last) == (record(1).created_at, record(4).created_at)


def test_tallies_of_parts_make_the_tally_of_the_whole() -> None:
    parts = [Tally(), Tally(), Tally()]
    whole = Tally()
    for number in range(9):
        parts[number % 2].add(record(number))
        whole.add(record(number))
    assert manifests.total(part.sums() for part in parts) == whole.sums()
