"""Segments on disk: whole lines or none, sealed once, leftovers sealed only after their writer died."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from proxy.segments.file import SegmentFile, seal_leftovers
from proxy.segments.lines import OpenLine, SealLine, SegmentName, Totals, intent_line, parse_line
from proxy.segments.record import RequestLine, UsageRecord, to_line

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NAME = SegmentName(started_at=NOON, writer="w", number=1)
RECORD = UsageRecord(
    request_id="req_1",
    created_at=NOON,
    user_id="u",
    team_id="t",
    model="m",
    status=200,
    prompt_tokens=3,
    completion_tokens=4,
    total_tokens=7,
    cost_usd=Decimal("0.5"),
)


def begun(directory: Path, *, records: int = 1, name: SegmentName = NAME) -> SegmentFile:
    """A segment with an open line, an intent and some records."""
    segment = SegmentFile.create(directory, name, seq=1, previous=None)
    segment.append_intent(
        intent_line(
            seq=2, request_id="req_1", created_at=NOON, user_id="u", team_id="t", model="m", endpoint="e"
        )
    )
    for number in range(records):
        segment.append_record(to_line(RECORD, 3 + number), RECORD)
    return segment


def proven(path: Path) -> SealLine:
    """The seal of a sealed segment, after recomputing it from the bytes alone."""
    *lines, last = path.read_bytes().splitlines(keepends=True)
    totals, seal = Totals(), parse_line(last)
    assert isinstance(seal, SealLine)
    parsed = [parse_line(line) for line in lines]
    assert isinstance(parsed[0], OpenLine)
    assert [line.seq for line in [*parsed, seal]] == list(
        range(parsed[0].seq, parsed[0].seq + len(lines) + 1)
    )
    for raw, line in zip(lines, parsed, strict=True):
        totals.hash(raw)
        if isinstance(line, RequestLine):
            totals.count(line)
        totals.intents += not isinstance(line, RequestLine | OpenLine)
    assert totals.differences(seal) == []
    return seal


def test_segment_is_open_while_written_and_valid_when_sealed(tmp_path: Path) -> None:
    segment = begun(tmp_path, records=3)
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.open"]
    assert segment.size == segment.path.stat().st_size
    sha256 = segment.seal(seq=6, sealed_at=NOON)
    (path,) = tmp_path.iterdir()
    assert path.name == str(NAME)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    seal = proven(path)
    assert (seal.records, seal.intents, seal.cost_usd, seal.recovered) == (3, 1, Decimal("1.5"), False)
    assert path.stat().st_mode & 0o007 == 0


def test_segment_never_overwrites_another(tmp_path: Path) -> None:
    hidden = tmp_path / f".{NAME}.new"
    hidden.write_text("another process is making it")
    with pytest.raises(FileExistsError):
        SegmentFile.create(tmp_path, NAME, seq=1, previous=None)
    assert hidden.read_text() == "another process is making it"


def test_full_disk_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = begun(tmp_path)
    before, write, calls = segment.path.read_bytes(), os.write, 0

    def full_half_way(fd: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return write(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    line = to_line(RECORD, 4)
    with monkeypatch.context() as full:
        full.setattr(os, "write", full_half_way)
        with pytest.raises(OSError, match="No space left"):
            segment.append_record(line, RECORD)
    assert segment.path.read_bytes() == before
    segment.append_record(line, RECORD)
    segment.seal(seq=5, sealed_at=NOON)
    assert proven(tmp_path / str(NAME)).records == 2


def test_file_size_limit_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    segment = begun(tmp_path)
    before = segment.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            segment.append_record(to_line(RECORD, 4), RECORD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert segment.path.read_bytes() == before
    segment.abandon()


def test_segment_that_cannot_be_created_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        SegmentFile.create(tmp_path, NAME, seq=1, previous=None)
    assert list(tmp_path.iterdir()) == []


TAILS: list[tuple[str, bytes]] = [
    ("whole lines", b""),
    ("a torn last line", to_line(RECORD, 4)[:-1]),
    ("half a last line", to_line(RECORD, 4)[:40]),
    ("one byte", b"{"),
    ("zeros, as some file systems leave", b"\0" * 64),
]


@pytest.mark.parametrize("tail", [row[1] for row in TAILS], ids=[row[0] for row in TAILS])
def test_leftover_of_a_dead_writer_is_sealed_without_its_torn_line(tmp_path: Path, tail: bytes) -> None:
    segment = begun(tmp_path)
    whole = segment.path.read_bytes()
    segment.path.write_bytes(whole + tail)
    segment.abandon()
    assert seal_leftovers(tmp_path) == [tmp_path / str(NAME)]
    seal = proven(tmp_path / str(NAME))
    assert (seal.records, seal.intents, seal.seq, seal.recovered) == (1, 1, 4, True)
    assert (tmp_path / str(NAME)).read_bytes().startswith(whole)


def test_sealed_segment_whose_rename_was_lost_is_only_renamed(tmp_path: Path) -> None:
    segment = begun(tmp_path)
    segment.finish(seq=4, sealed_at=NOON)
    content = segment.path.read_bytes()
    segment.abandon()
    seal_leftovers(tmp_path)
    assert (tmp_path / str(NAME)).read_bytes() == content
    assert not proven(tmp_path / str(NAME)).recovered


def test_invalid_line_in_the_middle_is_kept_when_sealing(tmp_path: Path) -> None:
    segment = begun(tmp_path)
    segment.path.write_bytes(
        segment.path.read_bytes() + b"not a line\n" + b'{"x":' * 9000 + b"\n" + to_line(RECORD, 6)
    )
    segment.abandon()
    seal_leftovers(tmp_path)
    *before, last = (tmp_path / str(NAME)).read_bytes().splitlines(keepends=True)
    seal = parse_line(last)
    assert isinstance(seal, SealLine)
    assert (seal.records, seal.seq) == (2, 7)
    assert seal.sha256 == hashlib.sha256(b"".join(before)).hexdigest()


def test_empty_leftover_and_foreign_files_are_harmless(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.open").touch()
    (tmp_path / "notes.open").write_text("mine")
    seal_leftovers(tmp_path)
    assert (tmp_path / "notes.open").read_text() == "mine"
    assert (tmp_path / str(NAME)).exists()


def test_segment_of_a_running_writer_is_not_sealed_by_another(tmp_path: Path) -> None:
    segment = begun(tmp_path)
    assert seal_leftovers(tmp_path) == []
    segment.seal(seq=4, sealed_at=NOON)
    assert not proven(tmp_path / str(NAME)).recovered


SEALING = """
import sys
from pathlib import Path
from proxy.segments.file import seal_leftovers
print(len(seal_leftovers(Path(sys.argv[1]))))
"""
WRITING = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from proxy.segments.lines import SegmentName
from proxy.segments.file import SegmentFile
name = SegmentName(started_at=datetime(2026, 11, 1, 12, tzinfo=UTC), writer="other", number=1)
segment = SegmentFile.create(Path(sys.argv[1]), name, seq=1, previous=None)
print("begun", flush=True)
time.sleep(600)
"""


def python(code: str, directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True)


def test_other_process_seals_only_segments_of_dead_writers(tmp_path: Path) -> None:
    ours = begun(tmp_path)
    with python(WRITING, tmp_path) as writer:
        assert writer.stdout is not None
        try:
            assert writer.stdout.readline() == "begun\n"
            assert seal_leftovers(tmp_path) == []
            with python(SEALING, tmp_path) as sealer:
                assert sealer.communicate()[0] == "0\n"
        finally:
            writer.kill()
    (sealed,) = seal_leftovers(tmp_path)
    assert proven(sealed).recovered
    assert ours.path.exists()
    ours.abandon()


def test_concurrent_starts_seal_each_leftover_once(tmp_path: Path) -> None:
    for number in range(1, 21):
        name = SegmentName(started_at=NOON, writer="dead", number=number)
        begun(tmp_path, name=name).abandon()
    starts = [python(SEALING, tmp_path) for _ in range(3)]
    counted = [int(start.communicate()[0]) for start in starts]
    assert sum(counted) == 20
    assert all(proven(path).recovered for path in tmp_path.iterdir())
