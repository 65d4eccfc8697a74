"""The counts, integrity check and rejects of a segment while it is read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from etl.errors import SegmentError
from etl.segments.reader import SegmentReader, list_segments
from etl.segments.rejects import Reject
from proxy.segments.record import MAX_LINE_BYTES, RequestLine, to_line
from tests.support.etl.segments import Intent, SegmentWriter, record, records


def read(path: Path) -> SegmentReader:
    reading = SegmentReader(path)
    for _ in reading:
        pass
    return reading


def test_complete_segment_has_no_gap_and_no_problem(tmp_path: Path) -> None:
    path = SegmentWriter(tmp_path).segment(Intent(record=record(1)), *records(3))
    reading = read(path)
    assert reading.integrity.problem() is None
    assert (reading.integrity.first_seq, reading.integrity.last_seq, reading.integrity.missing_lines) == (
        1,
        6,
        0,
    )
    assert (reading.records, reading.intents, reading.rejected) == (3, 1, 0)
    assert reading.integrity.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_second_segment_continues_hash_chain_and_line_numbers(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    first = writer.segment(*records(2))
    second = read(writer.segment(*records(2, start=3)))
    assert second.integrity.previous == read(first).integrity.sha256
    assert (second.integrity.first_seq, second.integrity.last_seq) == (5, 8)


def test_reject_has_line_number_and_byte_offset(tmp_path: Path) -> None:
    long = b'{"x":"' + b"y" * (3 * MAX_LINE_BYTES) + b'"}\n'
    path = SegmentWriter(tmp_path).segment(record(1), long, b"junk\n", record(2), b"last")
    found = {item.line_number: item for item in SegmentReader(path) if isinstance(item, Reject)}
    assert sorted(found) == [3, 4, 6]
    data = path.read_bytes()
    starts = {number: data[one.byte_offset :][:4] for number, one in found.items()}
    assert starts == {3: b'{"x"', 4: b"junk", 6: b"last"}
    assert found[3].reason == f"the line has more than {MAX_LINE_BYTES} bytes"
    assert len(found[3].line) < 10_000


def test_invalid_line_counts_as_a_line_number(tmp_path: Path) -> None:
    reading = read(SegmentWriter(tmp_path).segment(b"junk\n", *records(2), b"junk\n"))
    assert (reading.integrity.first_seq, reading.integrity.last_seq, reading.integrity.missing_lines) == (
        1,
        6,
        0,
    )


@pytest.mark.parametrize(
    ("removed", "missing", "first_seq"),
    [
        (slice(2, 3), 1, 1),
        (slice(1, 4), 3, 1),
        (slice(0, 1), 0, 2),  # the first line: detected only by comparison with the previous segment
    ],
)
def test_removed_lines_are_counted_as_missing(
    tmp_path: Path, removed: slice, missing: int, first_seq: int
) -> None:
    path = SegmentWriter(tmp_path).segment(*records(5))
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[removed]
    path.write_bytes(b"".join(lines))
    reading = read(path)
    assert (reading.integrity.missing_lines, reading.integrity.first_seq, reading.integrity.last_seq) == (
        missing,
        first_seq,
        7,
    )
    assert "sha256" in (reading.integrity.problem() or "")


def test_segment_without_valid_lines_has_no_line_numbers(tmp_path: Path) -> None:
    path = SegmentWriter(tmp_path).segment()
    path.write_bytes(b"\0\n\xff")
    reading = read(path)
    assert (reading.integrity.first_seq, reading.integrity.last_seq, reading.rejected) == (None, None, 2)
    assert reading.integrity.problem() == "the first line is not an open line; there is no seal line"


def test_empty_file_has_a_problem(tmp_path: Path) -> None:
    path = SegmentWriter(tmp_path).segment()
    path.write_bytes(b"")
    assert read(path).integrity.problem() == "the first line is not an open line; there is no seal line"


def _edit(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b'"prompt_tokens":11,"completion_tokens":5,"total_tokens":16',
         b'"prompt_tokens":12,"completion_tokens":5,"total_tokens":17',
         "the seal says prompt_tokens 23, the lines make 24"),
        (b'"cost_usd":"0.001"', b'"cost_usd":"0.002"', "the seal says cost_usd 0.003, the lines make 0.004"),
        (b'"records":2', b'"records":3', "the seal says records 3, the lines make 2"),
        (b'"cost_usd":"0.003"', b'"cost_usd":"sNaN"', "the cost_usd of the seal is not a number"),
        (b'"user_id":"user-1"', b'"user_id":"user-2"', "the seal says sha256"),
        (b'"seq":3,', b'"seq":2,', "line 3 has seq 2, expected 3"),
        (b"-w1-000001.jsonl", b"-w9-000001.jsonl", "the open line names segment usage-20261101T093000Z-w9-"),
    ],
)  # fmt: skip
def test_edited_line_contradicts_the_seal(tmp_path: Path, old: bytes, new: bytes, problem: str) -> None:
    path = _edit(SegmentWriter(tmp_path).segment(*records(2)), old, new)
    assert problem in (read(path).integrity.problem() or "")


def test_lines_after_the_seal_are_read_and_reported(tmp_path: Path) -> None:
    path = SegmentWriter(tmp_path).segment(record(1))
    with path.open("ab") as file:
        file.write(to_line(record(2), 4) + b"junk\n")
    reading = read(path)
    assert (reading.records, reading.rejected) == (2, 1)
    assert (reading.integrity.problem() or "").endswith("2 lines follow the seal")


def test_only_sealed_segments_are_listed_in_order(tmp_path: Path) -> None:
    """Invariant 2: only sealed files are loaded; the rename is the hand-over."""
    writer = SegmentWriter(tmp_path)
    expected = [writer.segment(), writer.segment()]
    still_open = writer.segment()
    still_open.rename(still_open.with_name(still_open.name + ".open"))
    (tmp_path / "usage-notes.jsonl").write_text("foreign")
    assert list_segments(tmp_path) == expected


def test_missing_log_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        SegmentError, match=r"log directory .*/none cannot be read: No such file or directory"
    ):
        list_segments(tmp_path / "none")


def test_invalid_segment_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match="does not have the name of a segment"):
        SegmentReader(tmp_path / "notes.jsonl")


def test_records_are_read_in_file_order(tmp_path: Path) -> None:
    path = SegmentWriter(tmp_path).segment(*records(4))
    ids = [item.request_id for item in SegmentReader(path) if isinstance(item, RequestLine)]
    assert ids == [one.request_id for one in records(4)]
