"""Archiving twice changes nothing, killed anywhere it leaves nothing half, and nothing unproved goes."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import tarfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from etl.archive import group as archive_group
from etl.archive import manifest as archive_manifest
from etl.archive.run import archive
from etl.archive.store import LocalStore, open_store
from etl.archive.verification import find_problems
from etl.errors import EtlError
from proxy.segments.record import Attempt, Fault
from relayctl import cli
from tests.support.archive_data import archived, contents, four_segments, report
from tests.support.report_data import FIRST, record, write_segment


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    four_segments(tmp_path / "logs")
    return tmp_path / "logs"


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "to"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_every_line_is_accounted_for(logs: Path, to: Path) -> None:
    result = archive(logs, str(to))
    assert (result.segments, result.records, result.rejected, result.removed) == (4, 12, 1, 0)
    ((_, manifest),) = archive_manifest.read_all(open_store(str(to)))
    assert manifest.sums.records == 12
    assert manifest.sums.prompt_tokens == sum(10 * number for number in range(3, 15))
    assert manifest.sums.cost_usd == Decimal("0.0000125") * sum(range(3, 15))
    assert [file.day for file in manifest.files] == [
        (FIRST + timedelta(days=day)).date() for day in range(3, 15)
    ]


def test_archiving_twice_changes_nothing(logs: Path, to: Path) -> None:
    archive(logs, str(to))
    before = contents(to)
    assert archive(logs, str(to)).segments == 0
    assert contents(to) == before


def test_the_same_segments_always_give_the_same_files(logs: Path, to: Path, tmp_path: Path) -> None:
    assert contents(archived(logs, to)) == contents(archived(logs, tmp_path / "other"))


def test_segments_sealed_later_are_added(logs: Path, to: Path, empty: Path) -> None:
    archive(logs, str(to))
    write_segment(logs, [record(77)], number=5)
    assert archive(logs, str(to)).segments == 1
    assert report(empty, str(to)) == report(logs)


def test_nothing_of_a_record_is_lost(tmp_path: Path, to: Path) -> None:
    rich = record(
        1,
        usage={"prompt_tokens": 10, "cost": Decimal("0.10")},
        error=Fault(type="rate_limit_error", message="too fast"),
        attempts=(Attempt(provider="openai", status=None, latency_ms=Decimal("1.5")),),
        unit_prices={"input_mtok": "1.25"},
        pii_entities={"EMAIL": 2},
        provider_request_id="abc",
        ttft_ms=Decimal("5.25"),
    )
    write_segment(tmp_path, [rich])
    archive(tmp_path, str(to))
    (file,) = to.glob("day=*/*.parquet")
    (row,) = parquet.read_table(pa.BufferReader(file.read_bytes())).to_pylist()
    for name in ("request_id", "created_at", "user_id", "cost_usd", "latency_ms", "ttft_ms", "total_tokens"):
        assert row[name] == getattr(rich, name)
    assert (row["error_type"], row["error_message"]) == ("rate_limit_error", "too fast")
    assert row["usage"] == '{"prompt_tokens":10,"cost":0.10}'
    assert json.loads(row["attempts"]) == [{"provider": "openai", "status": None, "latency_ms": 1.5}]
    assert json.loads(row["unit_prices"]) == {"input_mtok": "1.25"}
    assert json.loads(row["pii_entities"]) == {"EMAIL": 2}
    assert (row["provider_request_id"], row["line"]) == ("abc", 2)


def test_rows_are_sorted_by_user_in_one_directory_per_day(tmp_path: Path, to: Path) -> None:
    users = ["zoe", "ada", "zoe", "bob", "ada"]
    rows = [record(n, user_id=user, created_at=FIRST + timedelta(hours=n)) for n, user in enumerate(users)]
    write_segment(tmp_path, rows)
    archive(tmp_path, str(to))
    (file,) = (to / f"day={FIRST.date()}").iterdir()
    table = parquet.read_table(pa.BufferReader(file.read_bytes()))
    found = list(zip(table["user_id"].to_pylist(), table["created_at"].to_pylist(), strict=True))
    assert found == sorted((row.user_id, row.created_at) for row in rows)
    encodings = parquet.ParquetFile(file).metadata.row_group(0).column(2).encodings
    assert "RLE_DICTIONARY" in encodings


def test_the_packed_segments_are_the_sealed_bytes(logs: Path, to: Path) -> None:
    archive(logs, str(to))
    (pack,) = (to / "segments").iterdir()
    with (
        pa.CompressedInputStream(pa.OSFile(str(pack)), "zstd") as plain,
        tarfile.open(mode="r|", fileobj=plain) as tar,
    ):
        unpacked = {entry.name: member.read() for entry in tar if (member := tar.extractfile(entry))}
    assert unpacked == contents(logs)


def test_a_segment_larger_than_a_group_is_written_in_parts(
    tmp_path: Path, to: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_group, "_GROUP_BYTES", 5000)
    logs = tmp_path / "logs"
    logs.mkdir()
    write_segment(logs, [record(n, created_at=FIRST + timedelta(seconds=n)) for n in range(100)])
    archive(logs, str(to))
    assert len(list(to.glob("day=*/*.parquet"))) > 5
    assert len(list(to.glob("manifests/*"))) == 1
    assert report(empty, str(to)) == report(logs)


class _Died(BaseException):
    """Stands for the end of the process: nobody catches it."""


@pytest.mark.parametrize("step", range(14))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_ends_at_any_put_leaves_nothing_that_counts(
    logs: Path, to: Path, empty: Path, step: int, after: bool
) -> None:
    """Twelve Parquet files, the packed segments, the manifest: only the last put makes them count."""
    put, puts = LocalStore.put, iter(range(100))

    def dying(self: LocalStore, *arguments: Any) -> None:
        now = next(puts)
        if now < step or after:
            put(self, *arguments)
        if now == step:
            raise _Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "put", dying)
        with pytest.raises(_Died):
            archive(logs, str(to), older_than=timedelta(0))
    assert len(list(logs.iterdir())) == 4
    expected = report(logs)
    assert report(logs, str(to)) == expected
    assert report(empty, str(to)) == (expected if (step, after) == (13, True) else report(empty))
    archive(logs, str(to))
    assert report(empty, str(to)) == expected


def _die_before_renaming(logs: Path, to: Path) -> None:
    """Runs in a process of its own: its eighth file is written, but has not got its name."""
    rename, calls = Path.rename, iter(range(100))

    def rename_or_die(self: Path, target: Path) -> Path:
        if next(calls) == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)

    Path.rename = rename_or_die  # type: ignore[method-assign,assignment]
    archive(logs, str(to))


def test_a_killed_process_leaves_no_half_file_under_a_name(logs: Path, to: Path, empty: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die_before_renaming, args=(logs, to))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(list(to.glob("day=*/[!.]*"))) == 7
    assert report(empty, str(to)) == report(empty)
    archive(logs, str(to))
    assert report(empty, str(to)) == report(logs)


def test_a_damaged_pack_is_found_by_verifying(logs: Path, to: Path) -> None:
    archive(logs, str(to))
    store = open_store(str(to))
    ((_, manifest),) = archive_manifest.read_all(store)
    assert find_problems(store, manifest) == []
    pack = to / manifest.pack.name
    pack.write_bytes(pack.read_bytes()[:-9])
    assert any(manifest.pack.name in problem for problem in find_problems(store, manifest))


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    logs: Path, to: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        code = cli.run(["etl", "archive", "--logs", str(logs), "--to", str(to), "--older-than", "1s"])
    assert code == 1
    assert capfd.readouterr().err == f"relayctl: {to} cannot be written: no space left on device\n"
    assert len(list(logs.iterdir())) == 4
    assert not any(path.is_file() for path in to.rglob("*"))


def test_a_segment_that_cannot_be_read_is_told_and_stops_no_other(
    logs: Path, to: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "usage-20261001T000000Z-w1-000009.jsonl"
    (logs / name).mkdir()
    assert cli.run(["etl", "archive", "--logs", str(logs), "--to", str(to)]) == 1
    summary, error = capsys.readouterr().err.splitlines()
    assert summary.startswith("4 segments archived: 12 records, 1 reject; ")
    reason = f"segment {logs / name} cannot be read: Is a directory"
    assert error == f"relayctl: 1 segment could not be archived: {reason}"


def test_a_place_that_is_no_directory_is_one_sentence(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EtlError, match="file cannot be written: file exists"):
        archive(logs, str(tmp_path / "file"))
    with pytest.raises(EtlError, match="cannot be written: not a directory"):
        archive(logs, str(tmp_path / "file" / "below"))
