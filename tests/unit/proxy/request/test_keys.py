"""Relay keys: stored as hashes, found by their owner, revoked and rotated, and issued concurrently."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from proxy.errors import KeysError
from proxy.request import keys
from proxy.request.keys import KeyStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made" / "keys.yaml"


def test_key_is_random_and_stored_as_a_hash_in_a_private_file(file: Path) -> None:
    raw = keys.issue(file, user="ada", team="engines")
    other = keys.issue(file, user="ada", team="engines")
    assert re.fullmatch(r"rk_[A-Za-z0-9_-]{32}", raw)  # 24 random bytes
    assert raw != other
    text = file.read_text()
    assert raw not in text
    assert raw.removeprefix("rk_") not in text
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == ["keys.yaml", "keys.yaml.lock"]


def test_file_mode_is_restored_on_every_write(file: Path) -> None:
    keys.issue(file, user="ada", team="engines")
    file.chmod(0o644)
    keys.issue(file, user="bob", team="engines")
    assert file.stat().st_mode & 0o777 == 0o600


def test_only_the_exact_key_is_found(file: Path) -> None:
    raw = keys.issue(file, user="ada", team="engines", models=["gpt-*", "o3"])
    store = KeyStore(file)
    found = store.find(raw)
    assert found is not None
    assert (found.user, found.team, found.revoked_at) == ("ada", "engines", None)
    assert [found.allows(model) for model in ("gpt-4o", "o3", "o3-mini", "claude-3")] == [
        True,
        True,
        False,
        False,
    ]
    for wrong in (
        "",
        "rk_",
        raw[:-1],
        raw + "x",
        raw.swapcase(),
        found.hash,
        "rk_" + found.hash,
        "rk_\udcff",
    ):
        assert store.find(wrong) is None


def test_two_files_hash_the_same_key_differently(tmp_path: Path) -> None:
    peppers = set()
    for name in ("a", "b"):
        keys.issue(tmp_path / name, user="ada", team="engines")
        peppers.add(keys.read(tmp_path / name).pepper)
    assert len(peppers) == 2
    assert keys.digest("a", "rk_x") != keys.digest("b", "rk_x")


def test_revoked_key_is_refused_and_keeps_its_time(file: Path) -> None:
    raw, other = keys.issue_many(file, [("ada", "engines"), ("bob", "engines")])
    store = KeyStore(file)
    key = store.find(raw)
    assert key is not None
    revoked = keys.revoke(file, key.id)
    assert store.find(raw) is not None  # until the file is reloaded
    assert store.refresh()
    assert not store.refresh()
    assert store.find(raw) is None
    assert store.find(other) is not None
    assert len(store) == 1
    assert keys.revoke(file, key.id).revoked_at == revoked.revoked_at


def test_rotated_key_keeps_owner_models_and_limits(file: Path) -> None:
    limits = keys.KeyLimits(rpm=5, usd_per_day=Decimal("2.50"))
    raw = keys.issue(file, user="ada", team="engines", models=["gpt-*"], limits=limits)
    store = KeyStore(file)
    old = store.find(raw)
    assert old is not None
    new_raw, ended = keys.rotate(file, old.id)
    store.refresh()
    new = store.find(new_raw)
    assert new is not None
    assert (store.find(raw), ended.id, new.id == old.id) == (None, old.id, False)
    same = {"id": old.id, "hash": old.hash, "created_at": old.created_at}
    assert msgspec.structs.replace(new, **same) == old
    with pytest.raises(KeysError, match=f"{old.id} is revoked; make a new key"):
        keys.rotate(file, old.id)


def test_rotated_key_is_valid_until_its_grace_ends(file: Path) -> None:
    raw = keys.issue(file, user="ada", team="engines")
    store = KeyStore(file)
    (old,) = keys.read(file).keys
    keys.rotate(file, old.id, grace=timedelta(seconds=0.3))
    store.refresh()
    assert store.find(raw) is not None
    time.sleep(0.35)
    assert store.find(raw) is None


def test_key_in_its_grace_can_be_revoked(file: Path) -> None:
    raw = keys.issue(file, user="ada", team="engines")
    (old,) = keys.read(file).keys
    keys.rotate(file, old.id, grace=timedelta(days=1))
    keys.revoke(file, old.id)
    assert KeyStore(file).find(raw) is None


def test_unknown_id_cannot_be_revoked_or_rotated(file: Path) -> None:
    keys.issue(file, user="ada", team="engines")
    for change in (keys.revoke, keys.rotate):
        with pytest.raises(KeysError, match=r"has no key key_0; `relayctl keys list`"):
            change(file, "key_0")


ISSUING = """
import sys
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from proxy.request import keys
for number in range(5):
    print(keys.issue(Path(sys.argv[1]), user=f"u{number}", team="t"))
"""


def test_concurrent_processes_lose_no_key(file: Path) -> None:
    command = [sys.executable, "-c", ISSUING, str(file)]
    issuers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    raws = [raw for issuer in issuers for raw in issuer.communicate()[0].split()]
    store = KeyStore(file)
    assert len(raws) == len(store) == 20
    assert all(store.find(raw) for raw in raws)


def test_missing_file_has_no_keys_and_a_new_file_is_loaded(file: Path) -> None:
    store = KeyStore(file)
    assert len(store) == 0
    raw = keys.issue(file, user="ada", team="engines")
    assert store.refresh()
    assert store.find(raw) is not None
    file.unlink()
    store.refresh()
    assert store.find(raw) is None


GARBAGE: list[tuple[str, bytes]] = [
    ("not YAML", b"keys: [unclosed"),
    ("not UTF-8", b"\xff\xfe\x00"),
    ("a list", b"- 1"),
    ("empty", b""),
    ("keys without a pepper", b"keys: []"),
    ("a key without a hash", b"pepper: x\nkeys:\n- {id: a, user: u, team: t}"),
    ("a key of the wrong type", b"pepper: x\nkeys: 7"),
    ("a tag that would run code", b"!!python/object/apply:os.system ['true']"),
    (
        "a time without a zone",
        b"pepper: x\nkeys:\n- {id: a, user: u, team: t, hash: h, created_at: yesterday}",
    ),
    (
        "a YAML time without a zone",
        b"pepper: x\nkeys:\n- {id: a, user: u, team: t, hash: h, created_at: 2026-11-01 10:00:00}",
    ),
    ("an impossible date", b"pepper: 2026-13-45"),
    ("an invalid YAML timestamp", b"pepper: !!timestamp soon"),
    ("an invalid YAML bool", b"pepper: !!bool perhaps"),
    ("nested deep", b"[" * 5000),
]


@pytest.mark.parametrize("content", [row[1] for row in GARBAGE], ids=[row[0] for row in GARBAGE])
def test_invalid_file_is_one_sentence_and_not_overwritten(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(KeysError) as error:
        keys.issue(file, user="ada", team="engines")
    assert str(error.value).startswith(f"{file} is not a file of Relay keys: ")
    assert "\n" not in str(error.value)
    assert file.read_bytes() == content


def test_previous_keys_stay_valid_when_the_file_becomes_invalid(file: Path) -> None:
    raw = keys.issue(file, user="ada", team="engines")
    store = KeyStore(file)
    file.write_text("garbage: [")
    with pytest.raises(KeysError):
        store.refresh()
    assert store.find(raw) is not None


def test_directory_instead_of_the_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="cannot be read: Is a directory"):
        keys.read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(KeysError, match="cannot be written: "):
        keys.issue(tmp_path / "file" / "keys.yaml", user="ada", team="engines")


@pytest.mark.parametrize("name", ["", "a" * 257, "a\nb", "a\0", "\ud800"])
def test_owner_that_a_record_cannot_store_is_refused(file: Path, name: str) -> None:
    for user, team in ((name, "t"), ("u", name)):
        with pytest.raises(KeysError, match="printable characters"):
            keys.issue(file, user=user, team=team)
    assert not file.exists()


def test_owner_may_use_any_script(file: Path) -> None:
    raw = keys.issue(file, user="Ада Л. 'x': #1", team="機關😀")
    found = KeyStore(file).find(raw)
    assert found is not None
    assert (found.user, found.team) == ("Ада Л. 'x': #1", "機關😀")
