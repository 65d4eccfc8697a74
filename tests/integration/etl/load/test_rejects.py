"""Nothing disappears silently: what is not loaded stands in etl_rejects with its place and reason."""

from __future__ import annotations

import psycopg
import pytest

from etl.load.rejects import list_rejects
from etl.load.run import run
from proxy.segments.record import to_line
from tests.support.etl.segments import SegmentWriter, record, records
from tests.support.etl.state import contents

pytestmark = pytest.mark.every_postgres

PLAIN = to_line(record(500), 3)

BAD_LINES = [
    # Not JSON.
    (b"junk\n", "JSON is malformed: invalid character (byte 0)"),
    # A line without anything.
    (b"\n", "Input data was truncated"),
    # Wrong type.
    (PLAIN.replace(b'"prompt_tokens":510', b'"prompt_tokens":"510"'), "Expected `int`, got `str`"),
    # Negative tokens.
    (PLAIN.replace(b'"prompt_tokens":510', b'"prompt_tokens":-510'), "Expected `int` >= 0"),
    # Parts larger than the whole.
    (PLAIN.replace(b'"reasoning_tokens":0', b'"reasoning_tokens":2501'), "reasoning_tokens are more than"),
    (PLAIN.replace(b'"cache_read_tokens":0', b'"cache_read_tokens":511'), "more than prompt_tokens"),
    # A whole that is not the sum of its parts.
    (PLAIN.replace(b'"total_tokens":3010', b'"total_tokens":3011'), "total_tokens is not"),
    # Naive time.
    (PLAIN.replace(b"500Z", b"500"), "created_at has no time zone"),
    # NUL, escaped and raw.
    (PLAIN.replace(b"user-3", rb"us\u0000er"), "a text holds a NUL character"),
    (PLAIN.replace(b"user-3", b"us\0er"), "JSON is malformed: invalid character"),
    (b"\0" * 100 + b"\n", "JSON is malformed: invalid character (byte 0)"),
    # A million characters.
    (PLAIN.replace(b"user-3", b"u" * 1_000_000), "the line has more than 524288 bytes"),
    # Invalid UTF-8.
    (PLAIN.replace(b"user-3", b"us\xc3\x28er"), "'utf-8' codec can't decode byte 0xc3"),
    # Unknown event, and one whose name PostgreSQL cannot store.
    (PLAIN.replace(b'"event":"request"', b'"event":"wish"'), "unknown event 'wish'"),
    (PLAIN.replace(b'"event":"request"', rb'"event":"wi\u0000sh"'), r"unknown event 'wi\x00sh'"),
    # An object in an object in an object …
    (
        PLAIN.replace(b'"usage":null', b'"usage":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        "nested too deeply",
    ),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_rejected_with_its_place_and_the_rest_loads(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter, line: bytes, reason: str
) -> None:
    """Invariant 5: nothing disappears silently."""
    assert line != PLAIN
    path = writer.segment(*records(2), line, *records(2, start=3))
    result = run(migrated_url, writer.directory)
    assert (result.loaded, result.duplicate, result.rejected) == (4, 0, 1)
    (reject,) = list_rejects(database, 10)
    assert (reject.segment, reject.line_number) == (path.name, 4)
    assert path.read_bytes()[reject.byte_offset :].startswith(line)
    assert reason in reject.reason
    assert reject.line[:100] == line.decode(errors="replace").replace("\0", "\ufffd")[:100].rstrip("\n")


def test_lines_are_loaded_or_duplicate_or_rejected(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    """Invariant 5: lines = loaded + duplicate + rejected, per segment."""
    bad = [line for line, _ in BAD_LINES]
    writer.segment(*records(5), *bad[:4])
    writer.segment(*records(3, start=4), *bad[4:], record(1, status=418), record(7))
    run(migrated_url, writer.directory)
    rows = database.execute(
        "SELECT lines, loaded, duplicate, rejected FROM etl_segments ORDER BY name"
    ).fetchall()
    second = len(bad) - 4
    assert rows == [(9, 5, 0, 4), (5 + second, 2, 2, 1 + second)]


def test_rejects_are_listed_newest_segment_first_and_not_more_than_asked_for(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    writer.segment(b"one\n", b"two\n")
    run(migrated_url, writer.directory)
    writer.segment(b"three\n", b"four\n")
    run(migrated_url, writer.directory)
    assert [reject.line for reject in list_rejects(database, 3)] == ["three", "four", "one"]


def test_a_segment_of_bad_lines_only_is_loaded_with_all_of_them(
    migrated_url: str, database: psycopg.Connection, writer: SegmentWriter
) -> None:
    path = writer.segment()
    path.write_bytes(b"\xff\n" * 1000)
    result = run(migrated_url, writer.directory)
    assert (result.segments, result.loaded, result.rejected) == (1, 0, 1000)
    assert contents(database).rejects.total() == 1000
