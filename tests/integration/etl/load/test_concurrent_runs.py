"""Any number of loaders share a directory: each segment is loaded once, and nobody waits for ever."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from etl.database.connection import connect
from etl.database.queries import named
from etl.load import ledger
from etl.load.loader import Loader
from etl.load.run import run
from etl.load.status import as_of
from etl.rollup import rollup
from proxy.segments.record import UsageRecord
from tests.support.etl.segments import SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres


def _same_users(start: int) -> list[UsageRecord]:
    # The same few hourly groups in every segment, so that the loaders do meet.
    return [record(number, created_at=record(1).created_at) for number in range(start, start + 200)]


def test_processes_load_each_segment_once(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    for start in range(0, 30 * 200, 200):
        writer.segment(*_same_users(start))
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(run, [migrated_url] * 4, [writer.directory] * 4))
    assert sum(one.loaded for one in results) == 6000
    assert sum(one.segments for one in results) == 30
    assert not [one.failed for one in results if one.failed]
    now = contents(database)
    assert (now.records.total(), now.hours, now.ledger.total()) == (6000, now.recomputed_hours, 30)


def test_loaders_that_bring_the_same_records_in_opposite_order_do_not_deadlock(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    forwards = records(400)
    for number in range(8):
        writer.segment(*(forwards if number % 2 else reversed(forwards)))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(migrated_url, writer.directory), range(4)))
    assert sum(one.loaded for one in results) == 400
    assert sum(one.duplicate for one in results) == 7 * 400
    now = contents(database)
    assert (now.records.total(), now.hours) == (400, now.recomputed_hours)


def test_loaders_that_need_the_same_new_partitions_do_not_fail(
    migrated_url: str, database: psycopg.Connection, logs: Path
) -> None:
    for number in range(4):
        times = [record(1).created_at.replace(year=2018 + year) for year in range(12)]
        SegmentWriter(logs, f"w{number}").segment(
            *(record(number * 100 + index, created_at=time) for index, time in enumerate(times))
        )
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(migrated_url, logs), range(4)))
    assert sum(one.loaded for one in results) == 48
    assert not [one.failed for one in results if one.failed]
    assert contents(database).records.total() == 48


def test_a_segment_that_another_loader_has_is_left_to_it(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    taken = writer.segment(*records(3))
    writer.segment(*records(3, start=10))
    with database.transaction():
        assert ledger.claim(database, taken.name)
        result = run(migrated_url, writer.directory)
        assert (result.segments, result.waiting, result.as_of) == (1, 1, None)
    # The other loader is gone without having loaded it: its work is free again.
    assert run(migrated_url, writer.directory).segments == 1
    assert as_of(database) is not None


def test_a_loader_that_waited_for_another_sees_what_it_did(migrated_url: str, writer: SegmentWriter) -> None:
    path = writer.segment(*records(3))
    run(migrated_url, writer.directory)
    with connect(migrated_url) as connection, connection.transaction():
        assert not ledger.claim(connection, path.name)


def test_a_load_does_not_wait_for_a_refresh_and_is_not_forgotten_by_it(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(*records(3))
    run(migrated_url, writer.directory)
    path = writer.segment(*records(3, start=10))
    with connect(migrated_url) as loader:
        loader.execute("SET lock_timeout = '10s'")
        straight = Loader(loader)
        with database.transaction():
            database.execute(named("take_unrefreshed"))
            database.execute(named("refresh_usage_daily"))
            assert straight.load(path)
    assert rollup.refresh(database, force=False)
    now = contents(database)
    assert (now.records.total(), now.days) == (6, now.recomputed_days)
    assert not rollup.refresh(database, force=False)
