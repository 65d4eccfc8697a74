"""Relay keys: the key file, issuing and revoking keys, and looking them up for each request.

Only an HMAC-SHA-256 of a key is stored. User and team come from the key, never from headers. The file is
written atomically with mode 0600; a running proxy reloads it when it changes.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

import msgspec
import yaml

from proxy.config.quota import MAX_PER_DAY, MAX_PER_MINUTE, MAX_USD
from proxy.errors import KeysError
from proxy.segments.record import Text

PREFIX: Final = "rk_"
_RANDOM_BYTES: Final = 24
_NAME_LENGTH: Final = 256
_PerMinute = Annotated[int, msgspec.Meta(ge=1, le=MAX_PER_MINUTE)]
_PerDay = Annotated[int, msgspec.Meta(ge=1, le=MAX_PER_DAY)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a single key, which override `limits.defaults`; None = the default applies."""

    rpm: _PerMinute | None = None
    tpm: _PerMinute | None = None
    concurrency: _PerMinute | None = None
    tokens_per_day: _PerDay | None = None
    usd_per_day: Decimal | None = None

    def __post_init__(self) -> None:
        usd = self.usd_per_day
        if usd is not None and not (usd.is_finite() and 0 < usd <= MAX_USD):
            raise ValueError(f"usd_per_day is not above 0 and at most {MAX_USD}")


class Key(KeyLimits, frozen=True, kw_only=True):
    """A key without its secret: user, team, allowed models and validity."""

    id: Text
    user: Text
    team: Text
    hash: str
    created_at: _Time
    models: tuple[str, ...] = ("*",)
    revoked_at: _Time | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return whether the key is accepted; a rotated key may have an end in the future."""
        return self.revoked_at is None or now < self.revoked_at

    def allows(self, model: str) -> bool:
        """Return whether the key may use this model."""
        return "*" in self.models or any(fnmatchcase(model, glob) for glob in self.models)


class KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the key file: the HMAC secret and the keys."""

    pepper: str
    keys: tuple[Key, ...] = ()


def digest(pepper: str, raw: str) -> str:
    """Return the hash of a raw key."""
    return hmac.digest(pepper.encode(), raw.encode("utf-8", "surrogateescape"), "sha256").hex()


def read(path: Path) -> KeyFile:
    """Read a key file; a missing file has no keys. Raises `KeysError`."""
    try:
        content = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 -- a safe loader, in C
        return msgspec.convert(content, KeyFile)
    except FileNotFoundError:
        return KeyFile(pepper=secrets.token_hex(32))
    except OSError as error:
        raise KeysError(f"{path} cannot be read: {error.strerror}") from error
    except _UNREADABLE as error:
        raise KeysError(f"{path} is not a file of Relay keys: {' '.join(str(error).split())}") from error


# PyYAML passes on Python's errors for values such as a 13th month, `!!bool perhaps` and `!!timestamp soon`.
_UNREADABLE: Final = (yaml.YAMLError, ValueError, KeyError, AttributeError, RecursionError)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


_NO_LIMITS: Final = KeyLimits()


def issue_many(
    path: Path,
    owners: Sequence[tuple[str, str]],
    *,
    models: Sequence[str] = ("*",),
    limits: KeyLimits = _NO_LIMITS,
) -> list[str]:
    """Issue a key for each (user, team) and return the raw keys, which are not stored. Raises `KeysError`."""
    for name in (name for owner in owners for name in owner):
        check_name(name)
    raws = [_raw() for _ in owners]
    with _locked(path) as content:
        made = tuple(
            Key(
                id=_id(),
                user=user,
                team=team,
                hash=digest(content.pepper, raw),
                created_at=datetime.now(UTC),
                models=tuple(models),
                **msgspec.structs.asdict(limits),
            )
            for raw, (user, team) in zip(raws, owners, strict=True)
        )
        _write(path, msgspec.structs.replace(content, keys=content.keys + made))
    return raws


def _raw() -> str:
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def _id() -> str:
    return f"key_{secrets.token_hex(6)}"


def check_name(name: str) -> None:
    """Check the name of a user or team. Raises `KeysError` for one that a record cannot store."""
    if not name or not name.isprintable() or len(name) > _NAME_LENGTH:
        raise KeysError(f"{name[:40]!r} is not a user or team: give 1 to {_NAME_LENGTH} printable characters")


def issue(
    path: Path, *, user: str, team: str, models: Sequence[str] = ("*",), limits: KeyLimits = _NO_LIMITS
) -> str:
    """Issue one key and return it raw. Raises `KeysError`."""
    return issue_many(path, [(user, team)], models=models, limits=limits)[0]


def revoke(path: Path, key_id: str) -> Key:
    """Revoke a key permanently and return it. Raises `KeysError`, also for an unknown key."""
    with _locked(path) as content:
        return _end(path, content, _key(path, content, key_id), datetime.now(UTC))


def rotate(path: Path, key_id: str, *, grace: timedelta = timedelta()) -> tuple[str, Key]:
    """Replace a key by a new one with the same owner, models and limits; the old one is valid for `grace`.

    Returns the new key raw, and the old one. Raises `KeysError`, also for an unknown or revoked key.
    """
    with _locked(path) as content:
        old, now, raw = _key(path, content, key_id), datetime.now(UTC), _raw()
        if not old.is_valid(now):
            raise KeysError(f"{key_id} is revoked; make a new key with `relayctl keys issue`")
        new = msgspec.structs.replace(
            old, id=_id(), hash=digest(content.pepper, raw), created_at=now, revoked_at=None
        )
        both = msgspec.structs.replace(content, keys=(*content.keys, new))
        return raw, _end(path, both, old, now + grace)


def _key(path: Path, content: KeyFile, key_id: str) -> Key:
    for key in content.keys:
        if key.id == key_id:
            return key
    raise KeysError(f"{path} has no key {key_id}; `relayctl keys list` shows them")


def _end(path: Path, content: KeyFile, key: Key, at: datetime) -> Key:
    """Write the keys with an end for one of them; an earlier end stays."""
    ended = msgspec.structs.replace(key, revoked_at=min(key.revoked_at or at, at))
    keys = tuple(ended if other.id == key.id else other for other in content.keys)
    _write(path, msgspec.structs.replace(content, keys=keys))
    return ended


@contextmanager
def _locked(path: Path) -> Iterator[KeyFile]:
    """Lock the file against other writers and yield its content."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read(path)
    finally:
        os.close(lock)


def _write(path: Path, content: KeyFile) -> None:
    text = yaml.dump(msgspec.to_builtins(content), Dumper=_DUMPER, sort_keys=False)
    new = path.with_name(f".{path.name}.new")
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            os.fchmod(fd, 0o600)
            file.write(text)
            file.flush()
            os.fsync(fd)
        new.replace(path)
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error.strerror}") from error


class KeyStore:
    """The valid keys, reloaded when the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._pepper = ""
        self._by_hash: dict[str, Key] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Reload the file if it has changed. Raises `KeysError`; the previous keys then stay valid."""
        stamp = self._stat()
        if stamp == self._stamp and stamp is not None:
            return False
        content = read(self._path)
        self._pepper = content.pepper
        now = datetime.now(UTC)
        self._by_hash = {key.hash: key for key in content.keys if key.is_valid(now)}
        self._stamp = stamp
        return True

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, raw: str) -> Key | None:
        """Look up a raw key by its HMAC, so that timing reveals nothing about stored keys."""
        found = digest(self._pepper, raw)
        key = self._by_hash.get(found)
        if key is None or not hmac.compare_digest(key.hash, found):
            return None
        return key if key.revoked_at is None or key.is_valid(datetime.now(UTC)) else None

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size
