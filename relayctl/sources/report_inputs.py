"""All that a report reads: segments, strict copies, an archive, and volumes that stand for most of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from proxy.segments.lines import SegmentName
from relayctl.reports.time_range import Period
from relayctl.sources import segments
from relayctl.sources.archive_selection import Shelf
from relayctl.sources.file_metadata import Fact, Facts, mark_or_none
from relayctl.sources.rollup_cache import Piece, Span, learn, meets, spans
from relayctl.sources.verification import Prover

HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RECORD_BYTES: Final = 1000
"""A record and its intent take about so many, seldom fewer."""


def past(moment: datetime, grain: timedelta) -> timedelta:
    """How long ago the hour or day (UTC) of this moment began."""
    return (moment - _EPOCH) % grain


@dataclass(frozen=True, kw_only=True)
class Summed:
    """Volumes, and what they stand for: segments by place, archive files by name.

    `days` are those of the volumes in each pair of files, by hour and by day.
    """

    days: dict[tuple[Path, Path], list[str]] = field(default_factory=dict)
    segments: dict[int, Fact] = field(default_factory=dict)
    files: dict[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stock:
    """All there is of a period: segments and strict copies by place in the order of all; the archive.

    No record of what `summed` stands for is anywhere else in the stock.
    """

    period: Period
    exact: dict[int, Path] = field(default_factory=dict)
    copies: dict[int, Path] = field(default_factory=dict)
    shelf: Shelf
    places: dict[str, int]
    summed: Summed = field(default_factory=Summed)

    def has_files(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.exact or self.copies or self.shelf.shares)

    def is_summed_whole(self) -> bool:
        """Whether volumes can tell all there is, but for questions that cut hours within the period."""
        ends = (self.period.since, self.period.until)
        return not (self.loose().has_files() or any(past(end, HOUR) for end in ends))

    def loose(self) -> Stock:
        """What no volume stands for."""
        exact = {place: path for place, path in self.exact.items() if place not in self.summed.segments}
        shelf = self.shelf.with_files(lambda name: name not in self.summed.files)
        return replace(self, exact=exact, shelf=shelf, summed=Summed())

    def edge(self, since: datetime, until: datetime) -> Stock:
        """Of what volumes stand for, that which has records in this part of the period."""
        summed = self.summed
        holding = {place for place, fact in summed.segments.items() if fact.may_hold(since, until)}
        files = {name for name, fact in summed.files.items() if fact.may_hold(since, until)}
        return replace(
            self,
            period=replace(self.period, since=since, until=until),
            exact={place: path for place, path in self.exact.items() if place in holding},
            copies={},
            shelf=self.shelf.with_files(files.__contains__),
            summed=Summed(),
        )


def _piece(path: Path) -> Piece:
    parsed, mark = SegmentName.parse(path.name), mark_or_none(path)
    assert parsed
    return Piece(
        name=path.name,
        path=path,
        day=f"{parsed.started_at:%Y-%m-%d}",
        records=mark[0] // _RECORD_BYTES if mark else 0,
    )


def know(
    connection: duckdb.DuckDBPyConnection, paths: Iterable[Path], listed: Iterable[Path], facts: Facts
) -> None:
    """Proves those of these paths that are new; `listed` are all segments in the directory."""
    facts.settle({path.name: path for path in listed})
    new = [_piece(path) for path in paths if path.name not in facts.pieces]
    old = [_piece(path) for path in listed if (fact := facts.pieces.get(path.name)) and fact.is_exact]
    pool = ThreadPoolExecutor()
    try:
        learn(connection, facts, new, old, Prover(pool, new).run_checks)
    finally:
        pool.shutdown(cancel_futures=True)
    facts.keep()


def stocked(
    paths: Mapping[int, Path],
    facts: Facts,
    stock: Stock,
    *,
    scratch: Path,
    findings: segments.Findings,
) -> Stock:
    """The stock with these segments, by place; `scratch` takes copies of those that are read strictly."""
    period = stock.period
    strict: list[Fact] = []
    for place, path in paths.items():
        fact = facts.pieces.get(path.name)
        if fact and not fact.may_hold(period.since, period.until):
            continue
        if fact and fact.is_exact:
            stock.exact[place] = path
            continue
        copy = scratch / f"{place}.jsonl"
        try:
            times = segments.write_clean_copy(path, copy, findings)
        except OSError as error:
            findings.unreadable.append(f"{path.name}: {error.strerror}")
            continue
        stock.copies[place] = copy
        if times:
            strict.append(Fact(mark=(), is_exact=False, first=times[0], last=times[1]))
    present = {path.name for path in paths.values()}
    return replace(stock, summed=_summed(stock, present, facts, strict))


def _summed(stock: Stock, present: Set[str], facts: Facts, strict: list[Fact]) -> Summed:
    """The volumes that may stand for their pieces.

    Pieces of one place that are in volumes have no record in common. All others are held against each other
    when they are read, so none of them may have been at a time of what a volume stands for: records of
    different times are different.
    """
    shelf = stock.shelf
    here = {path.name: facts.pieces[path.name] for path in stock.exact.values()}
    apart = [*strict, *_unsummed(facts, here), *_unsummed(shelf.facts, shelf.times)]
    ours = _usable(facts, present, here, spans([*apart, *shelf.times.values()]))
    theirs = _usable(shelf.facts, shelf.whole, shelf.times, spans([*apart, *here.values()]))
    days: dict[tuple[Path, Path], list[str]] = {}
    names: set[str] = set()
    for known, usable in ((facts, ours), (shelf.facts, theirs)):
        for day, stem in usable:
            days.setdefault(known.files(stem), []).append(day)
            names.update(known.volumes[day].pieces)
    return Summed(
        days=days,
        segments={place: here[path.name] for place, path in stock.exact.items() if path.name in names},
        files={name: fact for name, fact in shelf.times.items() if name in names},
    )


def _unsummed(facts: Facts, here: Mapping[str, Fact]) -> list[Fact]:
    summed = {name for volume in facts.volumes.values() if volume.stem for name in volume.pieces}
    return [fact for name, fact in here.items() if name not in summed]


def _usable(
    facts: Facts, present: Set[str], here: Mapping[str, Fact], beside: list[Span]
) -> Iterator[tuple[str, str]]:
    """Day and stem of volumes whose pieces are all present, some with records here, none beside others."""
    for day, volume in facts.volumes.items():
        if volume.stem is None or not present >= set(volume.pieces) or here.keys().isdisjoint(volume.pieces):
            continue
        if not any(meets(facts.pieces[name], beside) for name in volume.pieces):
            yield day, volume.stem
