"""Stores contain complete files only, and report invalid addresses in one sentence."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from etl.archive.store import LocalStore, S3Store, open_store
from etl.errors import ArchiveError

# An address, the expected type of store, and its address as shown.
ADDRESSES = [
    ("var/archive", LocalStore, "var/archive"),
    ("/var/archive/", LocalStore, "/var/archive"),
    ("s3://bucket", S3Store, "s3://bucket"),
    ("s3://bucket/", S3Store, "s3://bucket"),
    ("s3://my-bucket.of.logs/a/b/", S3Store, "s3://my-bucket.of.logs/a/b"),
]


@pytest.mark.parametrize(("address", "kind", "shown"), ADDRESSES)
def test_address_selects_the_store(address: str, kind: type, shown: str) -> None:
    store = open_store(address)
    assert isinstance(store, kind)
    assert store.url == shown


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///x", "s3://Bucket/x", "s3://a:b@bucket/x", "gs://bucket/x", "https://x/y"]
)
def test_invalid_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ArchiveError, match="neither a directory nor s3://bucket/prefix") as caught:
        open_store(address)
    assert address not in str(caught.value).replace("s3://bucket/prefix", "")


def test_stored_file_can_be_read_and_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name, data in (("a/2", b"two"), ("a/1", b"one"), ("b/3", b"")):
        store.put(name, io.BytesIO(data))
        with store.open(name) as file:
            assert file.read() == data
    assert store.names("a") == ["a/1", "a/2"]
    assert store.names("c") == []


def test_second_put_replaces_the_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("x/1", io.BytesIO(b"half"))
    store.put("x/1", io.BytesIO(b"whole"))
    assert (tmp_path / "x/1").read_bytes() == b"whole"
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["1"]


class _Broken(io.BytesIO):
    """A file whose reading fails before its end."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(3)


def test_failed_put_leaves_no_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(ArchiveError, match="cannot be written: input/output error"):
        store.put("x/1", _Broken(b"something"))
    assert list((tmp_path / "x").iterdir()) == []


def test_temporary_file_of_a_killed_writer_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/.1.0123").write_bytes(b"half")
    assert LocalStore(tmp_path).names("x") == []


def test_missing_file_is_an_archive_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ArchiveError, match="cannot be read: no such file or directory"),
        LocalStore(tmp_path).open("x/1"),
    ):
        pass
