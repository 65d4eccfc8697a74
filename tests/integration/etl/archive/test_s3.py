"""The archive and the logs in S3, with a real S3 server and pyarrow's file system."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from pyarrow import fs  # type: ignore[import-untyped]

from etl.archive.run import archive
from etl.archive.store import S3Store, open_store
from etl.errors import ArchiveError, SegmentError
from relayctl import cli
from relayctl.errors import SourceError
from relayctl.sources.opening import open_source
from relayctl.sources.remote_logs import RemoteLogSource
from tests.support.archive_data import NOW, age, archived, contents, four_segments, report
from tests.support.report_data import record, write_segment
from tests.support.s3 import BUCKET, s3_server

TO = f"s3://{BUCKET}/relay/archive"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def bucket(server: str) -> None:
    """Empties the bucket."""
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST")).close()
    urllib.request.urlopen(urllib.request.Request(f"{server}/{BUCKET}", method="PUT")).close()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    four_segments(tmp_path / "logs")
    return tmp_path / "logs"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def _s3(server: str) -> fs.S3FileSystem:
    return fs.S3FileSystem(endpoint_override=server, region="us-east-1")


def _stored(server: str, prefix: str) -> dict[str, bytes]:
    s3 = _s3(server)
    found = s3.get_file_info(fs.FileSelector(f"{BUCKET}/{prefix}", recursive=True, allow_not_found=True))
    return {
        info.path.removeprefix(f"{BUCKET}/{prefix}/"): s3.open_input_stream(info.path).read()
        for info in found
        if info.is_file
    }


def test_s3_archive_equals_a_local_archive(server: str, logs: Path, tmp_path: Path) -> None:
    archive(logs, TO)
    before = _stored(server, "relay/archive")
    assert before == contents(archived(logs, tmp_path / "to"))
    assert archive(logs, TO).segments == 0
    assert _stored(server, "relay/archive") == before


def test_report_from_s3_equals_the_report_from_logs(logs: Path, empty: Path) -> None:
    archive(logs, TO)
    write_segment(logs, [record(77)], number=5)
    expected = report(logs)
    assert report(logs, TO) == expected
    archive(logs, TO)
    assert report(empty, TO) == expected


def test_report_is_unchanged_after_old_segments_are_removed(logs: Path) -> None:
    expected = report(logs)
    age(logs)
    assert archive(logs, TO, older_than=timedelta(days=30), now=NOW).removed == 4
    assert not list(logs.iterdir())
    assert report(logs, TO) == expected


def test_changed_object_is_detected_and_segments_retained(server: str, logs: Path) -> None:
    archive(logs, TO)
    age(logs)
    name = next(name for name in _stored(server, "relay/archive") if name.endswith(".parquet"))
    with _s3(server).open_output_stream(f"{BUCKET}/relay/archive/{name}") as stream:
        stream.write(b"something else")
    with pytest.raises(SourceError, match="was changed after it was written"):
        report(logs, TO)
    assert archive(logs, TO, older_than=timedelta(days=30), now=NOW).removed == 0


def test_incomplete_upload_is_ignored(
    server: str, logs: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an exception pyarrow stores a partial object, which no manifest names."""
    put, puts = S3Store.put, iter(range(100))

    def broken(self: S3Store, name: str, data: BinaryIO) -> None:
        if next(puts) == 5:
            with _s3(server).open_output_stream(f"{BUCKET}/relay/archive/{name}") as stream:
                stream.write(data.read(100))
            raise OSError("cut off")
        put(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "put", broken)
        with pytest.raises(SegmentError, match="cut off"):
            archive(logs, TO)
    assert report(empty, TO) == report(empty)
    archive(logs, TO)
    assert report(empty, TO) == report(logs)


def test_sealed_segments_in_s3_are_read(server: str, logs: Path, tmp_path: Path) -> None:
    s3 = _s3(server)
    for path in [*logs.iterdir(), write_segment(tmp_path, [record(50)], number=8)]:
        suffix = ".open" if path.parent == tmp_path else ""
        with s3.open_output_stream(f"{BUCKET}/logs/{path.name}{suffix}") as stream:
            stream.write(path.read_bytes())
    source = open_source("logs", None, f"s3://{BUCKET}/logs", now=lambda: NOW)
    assert isinstance(source, RemoteLogSource)
    assert report(logs) == report(logs, source=source)


def test_commands_accept_s3_addresses(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["etl", "archive", "--logs", str(logs), "--to", TO]) == 0
    assert "4 segments archived: 12 records, 1 reject; " in capfd.readouterr().err
    asked = ["usage", "-s", "2026-10-01", "-u", "2026-11-01", "-o", "csv", "--source", "logs"]
    assert cli.run([*asked, "--logs", str(logs)]) == 0
    expected = capfd.readouterr().out
    for path in logs.iterdir():
        path.unlink()
    assert cli.run([*asked, "--logs", str(logs), "--archive", TO]) == 0
    assert capfd.readouterr().out == expected


# Address, endpoint, and the expected message.
WRONG = [
    (
        "s3://no-such-bucket/x",
        None,
        "s3://no-such-bucket/x cannot be read: the specified bucket does not exist",
    ),
    (TO, "http://127.0.0.1:9", f"{TO} cannot be read: could not connect to server"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=["no bucket", "no server"])
def test_unreachable_s3_error_contains_no_secret(
    logs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    wrong: tuple[str, str | None, str],
) -> None:
    to, endpoint, sentence = wrong
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert cli.run(["etl", "archive", "--logs", str(logs), "--to", to, "--older-than", "1s"]) == 1
    said = capfd.readouterr().err
    assert said == f"relayctl: {sentence}\n"
    assert len(list(logs.iterdir())) == 4


def test_missing_prefix_is_an_empty_archive_and_reported(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = f"s3://{BUCKET}/nothing/here"
    assert open_store(nothing).names("manifests") == []
    assert report(logs, nothing) == report(logs)
    assert cli.run(["usage", "--logs", str(logs), "--archive", nothing, "--source", "logs"]) == 0
    assert f"1 location with no sealed segment in it: {nothing}\n" in capsys.readouterr().err


def test_missing_log_prefix_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = f"s3://{BUCKET}/nothing/here"
    assert cli.run(["usage", "--logs", nothing, "--source", "logs", "-o", "json"]) == 0
    assert f"1 location with no sealed segment in it: {nothing}\n" in capsys.readouterr().err


def test_address_with_credentials_is_refused_and_not_repeated() -> None:
    with pytest.raises(ArchiveError, match="AWS environment variables") as caught:
        open_store("s3://key:hunter2@bucket/x")
    assert "hunter2" not in str(caught.value)
