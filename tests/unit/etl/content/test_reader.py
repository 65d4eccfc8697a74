"""Content segments read and removed: proved by their seals, in a range of time, and apart from usage."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from etl.content.prune import prune_content
from etl.content.reader import ContentReader, read_at
from etl.errors import SegmentError
from etl.segments.reader import list_segments
from proxy.segments.content_lines import MAX_CONTENT_LINE_BYTES, Content, content_line
from proxy.segments.file import SegmentFile
from proxy.segments.lines import SegmentName
from relayctl import cli
from relayctl import exit_codes as exits
from relayctl.sources import segments

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def segment(
    directory: Path, number: int, *requests: tuple[str, datetime], sealed_at: datetime = NOON
) -> Path:
    """A sealed content segment as the proxy writes it."""
    name = SegmentName(kind="content", started_at=NOON, writer="w", number=number)
    file = SegmentFile.create(directory, name, seq=1, previous=None)
    for seq, (request_id, created_at) in enumerate(requests, 2):
        asked, said = (msgspec.Raw(msgspec.json.encode(f"{what} {request_id}")) for what in ("ask", "say"))
        content = Content(request_id=request_id, created_at=created_at, input=asked, output=said)
        file.append_content(content_line(content, seq))
    file.seal(seq=len(requests) + 2, sealed_at=sealed_at)
    path = directory / str(name)
    os.utime(path, times=(sealed_at.timestamp(),) * 2)
    return path


def read(
    directory: Path, since: datetime = NOON - DAY, until: datetime = NOON + DAY
) -> tuple[list[str], list[str]]:
    """The requests whose content is found, and what was told of segments that gave none."""
    contents = ContentReader(directory=directory, since=since, until=until)
    found = list(contents)
    assert all(json.loads(one.input) == f"ask {one.request_id}" for one in found)
    assert all(json.loads(one.output) == f"say {one.request_id}" for one in found)
    return [one.request_id for one in found], contents.problems


def test_content_is_read_in_a_range_of_arrival(tmp_path: Path) -> None:
    segment(tmp_path, 1, ("a", NOON - timedelta(microseconds=1)), ("b", NOON), sealed_at=NOON + DAY)
    segment(
        tmp_path, 2, ("c", NOON + DAY - timedelta(microseconds=1)), ("d", NOON + DAY), sealed_at=NOON + DAY
    )
    (tmp_path / "usage-20261101T120000Z-w-000001.jsonl").write_bytes(b"not for this reader\n")
    assert read(tmp_path, NOON, NOON + DAY) == (["b", "c"], [])
    assert read(tmp_path, NOON + 2 * DAY, NOON + 3 * DAY) == ([], [])
    assert read(tmp_path, NOON - 3 * DAY, NOON - 2 * DAY) == ([], [])


def test_what_cannot_hold_a_range_is_not_even_opened_to_its_end(tmp_path: Path) -> None:
    path = segment(tmp_path, 1, ("a", NOON))
    path.write_bytes(path.read_bytes()[:-5])
    os.utime(path, times=(NOON.timestamp(),) * 2)
    assert read(tmp_path, NOON + DAY, NOON + 2 * DAY) == ([], [])
    assert read(tmp_path, NOON - 9 * DAY, NOON - 2 * DAY) == ([], [])
    assert len(read(tmp_path)[1]) == 1


def changed(raw: bytes) -> bytes:
    return raw.replace(b"ask a", b"ask x")


DAMAGE: list[tuple[Callable[[bytes], bytes], str]] = [
    (changed, "it was changed after it was sealed"),
    (lambda raw: b"\n".join(raw.split(b"\n")[:-2]) + b"\n", "there is no seal line"),
    (lambda raw: raw[:-40], "there is no seal line"),
    (lambda raw: raw + b"{}\n", "there is no seal line"),
    (lambda _: b"", "there is no seal line"),
]


@pytest.mark.parametrize(("damage", "problem"), DAMAGE)
def test_a_segment_that_is_not_as_it_was_sealed_gives_nothing_and_is_told(
    tmp_path: Path, damage: Callable[[bytes], bytes], problem: str
) -> None:
    path = segment(tmp_path, 1, ("a", NOON))
    path.write_bytes(damage(path.read_bytes()))
    segment(tmp_path, 2, ("b", NOON))
    assert read(tmp_path) == (["b"], [f"the content of {path.name} is not used: {problem}"])


def test_a_line_longer_than_any_is_passed_over(tmp_path: Path) -> None:
    name = SegmentName(kind="content", started_at=NOON, writer="w", number=1)
    file = SegmentFile.create(tmp_path, name, seq=1, previous=None)
    long = msgspec.Raw(b'"' + b"x" * MAX_CONTENT_LINE_BYTES * 2 + b'"')
    short = msgspec.Raw(b'"ask b"')
    file.append_content(content_line(Content(request_id="a", created_at=NOON, input=long), 2))
    file.append_content(content_line(Content(request_id="b", created_at=NOON, input=short), 3))
    file.seal(seq=4, sealed_at=NOON)
    contents = ContentReader(directory=tmp_path, since=NOON, until=NOON + DAY)
    assert [one.request_id for one in contents] == ["b"]


def test_a_place_that_was_read_can_be_read_again_while_it_is_there(tmp_path: Path) -> None:
    segment(tmp_path, 1, ("a", NOON), ("b", NOON))
    contents = ContentReader(directory=tmp_path, since=NOON, until=datetime.max.replace(tzinfo=UTC))
    places = list(contents.with_positions())
    assert [read_at(path, offset) for path, offset, _ in places] == [one for *_, one in places]
    assert [one.request_id for *_, one in places] == ["a", "b"]
    path, offset, _ = places[1]
    assert read_at(path, offset + 1) is None
    path.unlink()
    assert read_at(path, offset) is None


def test_a_directory_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match=r"none cannot be read: No such file"):
        list(ContentReader(directory=tmp_path / "none", since=NOON, until=NOON))


def test_usage_s_readers_do_not_see_content(tmp_path: Path) -> None:
    segment(tmp_path, 1, ("a", NOON))
    findings = segments.Findings()
    assert list_segments(tmp_path) == segments.found(tmp_path, findings) == []
    assert findings.sentences() == ()


def test_old_content_is_removed_and_usage_and_open_segments_stay(tmp_path: Path) -> None:
    old = segment(tmp_path, 1, ("a", NOON), sealed_at=NOON - DAY)
    kept = segment(tmp_path, 2, ("b", NOON), sealed_at=NOON)
    others = [
        "usage-20261101T120000Z-w-000001.jsonl",
        "content-20261101T120000Z-w-000003.jsonl.open",
        "notes",
    ]
    for name in others:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, times=(0, 0))
    size = old.stat().st_size
    for dry_run in (True, False):
        result = prune_content(tmp_path, NOON, dry_run=dry_run)
        assert (result.segments, result.bytes, result.since, result.until) == (
            1,
            size,
            NOON - DAY,
            NOON - DAY,
        )
        assert old.exists() is dry_run
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.name, *others])
    assert prune_content(tmp_path, NOON, dry_run=False).segments == 0


def test_the_command_prunes_content_without_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = segment(tmp_path, 1, ("a", NOON), sealed_at=datetime.now(UTC) - timedelta(days=15))
    kept = segment(tmp_path, 2, ("b", NOON), sealed_at=datetime.now(UTC) - timedelta(days=13))
    ask = ["etl", "prune", "--content-keep", "14d", "--logs", str(tmp_path), "-o"]
    assert cli.run([*ask, "table", "--dry-run"]) == exits.DONE
    told = capsys.readouterr().out
    assert told.startswith("1 content segment, ")
    assert "would be removed" in told
    assert old.exists()
    assert cli.run([*ask, "json"]) == exits.DONE
    assert json.loads(capsys.readouterr().out)["content"]["segments"] == 1
    assert list_segments(tmp_path, "content") == [kept]


WRONG = [
    ([], "nothing to prune: give --keep, --content-keep or both"),
    (["--keep", "13mo", "--content-keep", "14d"], "no database"),
    (["--content-keep", "14"], "is not a retention time"),
    (["--content-keep", "14d", "--logs", "s3://bucket/logs"], "only a local log directory can be pruned"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG)
def test_what_cannot_be_pruned_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    path = segment(tmp_path, 1, ("a", NOON), sealed_at=NOON - 900 * DAY)
    monkeypatch.setenv("RELAY_LOG_DIR", str(tmp_path))
    monkeypatch.delenv("RELAY_DATABASE_URL", raising=False)
    assert cli.run(["etl", "prune", *arguments]) == exits.USAGE
    assert told in capsys.readouterr().err
    assert path.exists()
