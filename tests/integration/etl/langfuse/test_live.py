"""The live export: sealed segments as they come, with their content, and outside the path of any request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from etl.errors import EtlError
from etl.langfuse import export as langfuse
from etl.langfuse.content_index import ContentIndex
from etl.langfuse.export import Result
from etl.langfuse.verification import verify
from proxy.segments.content_lines import Content, content_line
from proxy.segments.lines import SegmentName, Totals, open_line
from tests.support.etl.segments import EPOCH, SegmentWriter
from tests.support.langfuse.export import expected, held, settings, spread, write
from tests.support.langfuse.server import langfuse_server
from tests.support.langfuse.state import Behaviour, Server

RECORDS = spread(20)


def until(true: Callable[[], bool]) -> None:
    """Waits for what another thread or process is about to do."""
    limit = time.monotonic() + 30
    while not true():
        assert time.monotonic() < limit, "it has not come about"
        time.sleep(0.02)


def write_content(directory: Path, number: int, *, sealed: bool = True) -> Path:
    """A content segment of the twenty requests; `number` makes its name."""
    name = SegmentName(kind="content", started_at=EPOCH, writer="w1", number=number)
    lines = [open_line(name, seq=1, previous=None)]
    for seq, one in enumerate(RECORDS, start=2):
        asked = msgspec.Raw(b'{"temperature":0,"messages":[]}')
        answer = msgspec.Raw(f'"answer to {one.request_id}"'.encode())
        content = Content(request_id=one.request_id, created_at=one.created_at, input=asked, output=answer)
        lines.append(content_line(content, seq))
    totals = Totals()
    totals.hash(b"".join(lines))
    lines.append(totals.seal_line(seq=len(lines) + 1, recovered=False, sealed_at=EPOCH))
    path = directory / (str(name) if sealed else f"{name}.open")
    path.write_bytes(b"".join(lines))
    return path


@contextmanager
def following(server: Server, folder: Path, told: list[Result | EtlError]) -> Iterator[None]:
    """`follow` in a thread."""
    stop = threading.Event()
    asked = settings(server, folder)
    thread = threading.Thread(
        target=langfuse.follow, args=(asked,), kwargs={"interval": 0.1, "report": told.append, "stop": stop}
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_segments_are_sent_as_they_are_sealed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    writer = SegmentWriter(tmp_path / "logs")
    with langfuse_server() as server, following(server, tmp_path, []):
        writer.segment(*RECORDS[:5])
        until(lambda: len(server.rows) == 5)
        writer.segment(*RECORDS[5:])
        until(lambda: len(server.rows) == 20)
        assert held(server.summary()) == expected(RECORDS)


def test_a_langfuse_that_is_gone_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.langfuse.api._READ_ATTEMPTS", 1)
    write(tmp_path / "logs", RECORDS)
    told: list[Result | EtlError] = []
    with langfuse_server() as gone:
        pass
    with following(gone, tmp_path, told):
        until(lambda: len(told) >= 2)
        with langfuse_server(port=gone.port) as server:
            until(lambda: len(server.rows) == 20)
    assert all("cannot be read: [Errno 111] Connection refused" in str(one) for one in told[:2])


def test_prompt_and_completion_go_along_where_they_were_captured(tmp_path: Path) -> None:
    write(tmp_path / "logs", RECORDS)
    write_content(tmp_path / "logs", 1)
    with langfuse_server() as server:
        asked = settings(server, tmp_path)
        langfuse.backfill(asked)
        for row, one in zip(server.rows, RECORDS, strict=True):
            shown = row.attributes
            assert shown["langfuse.observation.output"] == f'"answer to {one.request_id}"'
            assert shown["langfuse.observation.model.parameters"] == '{"stream":false,"temperature":0}'
        assert verify(asked).agrees


def test_a_span_waits_for_content_that_is_not_sealed_yet(tmp_path: Path) -> None:
    write(tmp_path / "logs", RECORDS)
    path = write_content(tmp_path / "logs", 1, sealed=False)
    with langfuse_server() as server:
        asked = settings(server, tmp_path)
        assert langfuse.backfill(asked).accepted == 0
        path.rename(path.with_name(path.name.removesuffix(".open")))
        assert langfuse.backfill(asked).accepted == 20
        assert all("langfuse.observation.output" in row.attributes for row in server.rows)


def test_content_is_found_for_requests_in_any_order(tmp_path: Path) -> None:
    write(tmp_path / "logs", [RECORDS[19], *RECORDS[:19]], segment=1)
    write_content(tmp_path / "logs", 1)
    contents = ContentIndex(tmp_path / "logs", [])
    for one in reversed(RECORDS):
        found = contents.get(one)
        assert found is not None
        assert found.output == f'"answer to {one.request_id}"'
    contents.close()


def test_a_content_segment_that_was_altered_is_told_and_not_used(tmp_path: Path) -> None:
    write(tmp_path / "logs", RECORDS)
    path = write_content(tmp_path / "logs", 1)
    path.write_bytes(path.read_bytes().replace(b"answer", b"ANSWER", 1))
    with langfuse_server() as server:
        (note,) = langfuse.backfill(settings(server, tmp_path)).notes
        assert note.startswith(f"the content of {path.name} is not used")
        assert not any("langfuse.observation.output" in row.attributes for row in server.rows)
        assert held(server.summary()) == expected(RECORDS)


def test_a_record_whose_request_has_just_ended_waits_for_its_content(tmp_path: Path) -> None:
    fresh = [msgspec.structs.replace(one, created_at=datetime.now(UTC)) for one in RECORDS[:1]]
    old = [msgspec.structs.replace(one, created_at=one.created_at + timedelta(days=1)) for one in RECORDS[1:]]
    write(tmp_path / "logs", [*fresh, *old])
    with langfuse_server(Behaviour()) as server:
        assert langfuse.backfill(settings(server, tmp_path)).accepted == 19
